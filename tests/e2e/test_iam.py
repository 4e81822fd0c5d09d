"""The whole river with IAM enforced: every function and runner under its own role."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError

from penstock.embedded import Stack, StackOptions, down
from penstock_shared.contracts.change import Trust
from tests.e2e.conftest import start
from tests.support.product import Product, Repository, eventually
from tests.support.repositories import functions


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    home = tmp_path_factory.mktemp("iam")
    try:
        with httpx.Client(timeout=30, trust_env=False) as http:
            yield Product(start(home, StackOptions(enforce_iam=True)), http)
    finally:
        down(home)


@pytest.fixture
def repository(product: Product, tmp_path: Path) -> Repository:
    return Repository.create(product, tmp_path, "acme/allowed")


def test_a_release_and_an_abort_need_no_more_than_the_roles_allow(
    product: Product, repository: Repository
) -> None:
    product.await_state(repository.push(functions("allowed", "one")), "succeeded")
    again = repository.push(functions("allowed", "two", bake="10m"))
    product.await_state(again, "baking")
    assert product.function_says("allowed-first-staging")["version"] == "two"

    product.say("abort-release", {"flow_id": again})

    product.await_state(again, "aborted")
    eventually(
        lambda: product.function_says("allowed-first-staging")["version"] == "one",
        "staging goes back",
    )
    assert dead_letters(product.stack) == []


@pytest.mark.parametrize(
    ("service", "call"),
    [
        ("secretsmanager", "list_secrets"),
        ("lambda", "list_functions"),
        ("dynamodb", "list_tables"),
        ("iam", "list_roles"),
    ],
)
def test_what_a_role_does_not_allow_is_refused(product: Product, service: str, call: str) -> None:
    """Otherwise the tests above would say nothing."""
    with pytest.raises(ClientError, match="AccessDenied"):
        getattr(client_of_runner(product.stack, Trust.RELEASE, service), call)()


def test_a_runner_s_role_reaches_nothing_of_a_higher_trust(product: Product) -> None:
    stack = product.stack
    queue, bucket = stack.queues["jobs-release"], f"penstock-local-artifacts-{stack.account_id}"
    sqs, s3 = (client_of_runner(stack, Trust.CHECK, name) for name in ("sqs", "s3"))
    attacks: dict[str, Callable[[], Any]] = {
        "take its jobs": lambda: sqs.receive_message(QueueUrl=queue),
        "read its source": lambda: s3.get_object(Bucket=bucket, Key="snapshots/release/x"),
        "write its artifact": lambda: s3.put_object(
            Bucket=bucket, Key="artifacts/release/x", Body=b""
        ),
    }

    assert [what for what, attack in attacks.items() if not is_refused(attack)] == []
    sqs.receive_message(QueueUrl=stack.queues["jobs-check"], WaitTimeSeconds=0)


def is_refused(call: Callable[[], Any]) -> bool:
    try:
        call()
    except ClientError as error:
        return "AccessDenied" in str(error)
    return False


def client_of_runner(stack: Stack, trust: Trust, service: str) -> Any:
    """A client with the rights of a runner of this trust."""
    arn = f"arn:aws:iam::{stack.account_id}:role/penstock-runner-local-{trust}"
    sts = stack.client("sts")
    keys = sts.assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    session = boto3.Session(
        keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], stack.region
    )
    return session.client(service, endpoint_url=stack.endpoint_url)  # type: ignore[call-overload]  # a name per service


def dead_letters(stack: Stack) -> list[str]:
    """The queues of dead letters that hold some."""
    sqs = stack.client("sqs")
    name = "ApproximateNumberOfMessages"
    counts = {
        queue: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name]
        for queue, url in stack.queues.items()
        if queue.endswith("-dlq")
    }
    return [queue for queue, count in counts.items() if count != "0"]
