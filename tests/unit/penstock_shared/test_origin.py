"""Where a client's requests come from and go to."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import NoCredentialsError

from penstock_shared import aws
from penstock_shared.aws.lean_client import LeanClient
from penstock_shared.aws.origin import EnvironmentOrigin

USUAL = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "eu-west-1",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in USUAL.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_a_function_s_environment_says_all(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AWS_SESSION_TOKEN", "token")

    origin = EnvironmentOrigin.usual()

    assert origin
    credentials = origin.credentials.get_frozen_credentials()
    assert (credentials.access_key, credentials.secret_key) == ("key", "secret")
    assert credentials.token == "token"
    assert origin.region == "eu-west-1"
    assert origin.address("sqs") == "https://sqs.eu-west-1.amazonaws.com"


def test_endpoints_are_for_one_service_or_for_all(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AWS_ENDPOINT_URL", "http://localhost:1/")
    environment.setenv("AWS_ENDPOINT_URL_SQS", "http://localhost:2")

    origin = EnvironmentOrigin.usual()

    assert origin
    assert origin.address("sqs") == "http://localhost:2"
    assert origin.address("dynamodb") == "http://localhost:1"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_ACCESS_KEY_ID", ""),
        ("AWS_SECRET_ACCESS_KEY", ""),
        ("AWS_DEFAULT_REGION", ""),
        ("AWS_DEFAULT_REGION", "cn-north-1"),
        ("AWS_USE_FIPS_ENDPOINT", "true"),
        ("AWS_USE_DUALSTACK_ENDPOINT", "true"),
        ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"),
    ],
)
def test_what_is_missing_or_unusual_is_left_to_boto3(
    environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    environment.setenv(name, value)

    assert EnvironmentOrigin.usual() is None


@pytest.fixture
def fresh_clients() -> Iterator[None]:
    for made in (aws.client, aws._origin, aws._session):
        made.cache_clear()
    yield
    for made in (aws.client, aws._origin, aws._session):
        made.cache_clear()


@pytest.mark.usefixtures("fresh_clients")
@pytest.mark.parametrize("service", ["dynamodb", "s3", "secretsmanager", "sns", "sqs"])
def test_with_keys_and_no_proxy_a_client_is_lean(
    environment: pytest.MonkeyPatch, service: str
) -> None:
    assert isinstance(aws.client(service), LeanClient)

    environment.setenv("https_proxy", "http://proxy:3128")

    assert not isinstance(aws.tuned_client(service), LeanClient)


@pytest.mark.usefixtures("fresh_clients")
def test_without_keys_botocore_says_so(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        environment.delenv(name)
    environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
    environment.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    environment.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))

    with pytest.raises(NoCredentialsError):
        aws.client("sqs").receive_message(QueueUrl="https://sqs.eu-west-1.amazonaws.com/1/jobs")
