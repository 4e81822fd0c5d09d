"""A secret reaches the jobs that it is for, and no other job, record or text.

The attacks: a fork's job names a secret of the repository; a check's job names one of releases; a
job names one of another repository or environment; a broken secret is quoted in an error. Before
there were secrets, people wrote values into `penstock.yml`, whence they reached plans, events, logs
and the page.
"""

from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from penstock_runner.adapters.secret_store import SecretsManager
from penstock_runner.errors import JobError
from penstock_shared.contracts.change import Forge, Trust
from penstock_shared.contracts.secrets import StoredSecret
from tests.support.builders import a_checkout
from tests.unit.penstock_runner.fakes import a_job

VALUE = "s3cret value"
PREFIX = "penstock/test/secrets/github/acme/shop"


@dataclass
class FakeManager:
    """Secrets Manager with these contents, by id. It keeps what it was asked for."""

    contents: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    code: str = "ResourceNotFoundException"

    def get_secret_value(self, SecretId: str) -> dict[str, Any]:  # noqa: N803  # boto3's name
        self.asked.append(SecretId)
        if SecretId not in self.contents:
            raise ClientError({"Error": {"Code": self.code, "Message": ""}}, "GetSecretValue")
        return {"SecretString": self.contents[SecretId]}


def stored(trust: Trust = Trust.RELEASE) -> str:
    return StoredSecret(value=VALUE, trust=trust).model_dump_json()


def values(manager: FakeManager, **job: Any) -> dict[str, str]:
    job = {"trust": Trust.RELEASE, "secrets": {"KEY": "API_KEY"}, **job}
    return dict(SecretsManager(manager, "test").values_of(a_job(**job)))


def test_a_release_is_given_its_secret() -> None:
    assert values(FakeManager({f"{PREFIX}/-/API_KEY": stored()})) == {"KEY": VALUE}


@pytest.mark.parametrize("trust", [Trust.RELEASE, Trust.CHECK])
def test_a_fork_s_job_is_refused_before_anything_is_read(trust: Trust) -> None:
    manager = FakeManager({f"{PREFIX}/-/API_KEY": stored(trust)})
    with pytest.raises(JobError, match="no job of a fork is given secrets: API_KEY"):
        values(manager, trust=Trust.FORK)
    assert manager.asked == []


def test_a_check_s_job_is_not_given_a_secret_of_releases() -> None:
    with pytest.raises(JobError, match="is for jobs of trust release") as refused:
        values(FakeManager({f"{PREFIX}/-/API_KEY": stored()}), trust=Trust.CHECK)
    assert VALUE not in str(refused.value)


@pytest.mark.parametrize(
    "job",
    [
        {"source": a_checkout(repository="acme/other")},
        {"source": a_checkout(forge=Forge.GITLAB)},
        {"source": a_checkout(repository="acme/shop/production")},
        {"environment": "staging"},
        {"environment": None},
    ],
    ids=str,
)
def test_a_job_of_elsewhere_is_not_given_the_secret(job: dict[str, Any]) -> None:
    with pytest.raises(JobError, match="has no secret API_KEY"):
        values(FakeManager({f"{PREFIX}/production/API_KEY": stored()}), **job)


@pytest.mark.parametrize("name", ["../API_KEY", "production/API_KEY", "API_KEY\n", "", "*"])
def test_no_name_leads_to_another_place(name: str) -> None:
    with pytest.raises(ValueError, match="secrets"):
        a_job(secrets={"KEY": name})


@pytest.mark.parametrize(
    "content", [VALUE, f'{{"value": "{VALUE}", "trust": "fork"}}', f'{{"other": "{VALUE}"}}']
)
def test_an_error_about_a_broken_secret_does_not_quote_it(content: str) -> None:
    with pytest.raises(JobError, match="was not written by `penstock secret set`") as refused:
        values(FakeManager({f"{PREFIX}/-/API_KEY": content}))
    assert VALUE not in f"{refused.value}{refused.value.__cause__}"
    assert refused.value.__suppress_context__


def test_a_runner_without_the_right_says_which_secret_it_may_not_read() -> None:
    with pytest.raises(JobError, match=f"may not read secret API_KEY: {PREFIX}/-/API_KEY"):
        values(FakeManager(code="AccessDeniedException"))


def test_a_stored_secret_shows_no_value() -> None:
    secret = StoredSecret(value=VALUE)
    assert VALUE not in f"{secret!r}{secret}"
