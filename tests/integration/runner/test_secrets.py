"""Secrets from the command that stores them to the job that is given them, on an emulator."""

import json

import pytest

from penstock.errors import NotFoundError
from penstock.secrets import SecretsClient, checked_value
from penstock_shared.contracts.change import Forge, Trust
from penstock_shared.contracts.jobs import Job, JobState
from penstock_shared.contracts.secrets import SecretPlace, StoredSecret
from tests.integration.runner.conftest import StartRunner
from tests.integration.runner.runner_stage import RunnerStage

pytestmark = pytest.mark.integration

VALUE = "k3y/with 'quotes' & more"
REPOSITORY = "acme/shop"
SHOWS_IT = r"""
echo "as it is: $KEY"
printf '%s' "$KEY" | head -c 9; sleep 0.2; printf '%s' "$KEY" | tail -c +10; echo
printf 'user:%s' "$KEY" | base64
printf '%s' "$KEY" | od -An -tx1 | tr -d ' \n'; echo
python3 -c 'import os, json, urllib.parse as u; k = os.environ["KEY"]
print(json.dumps({"key": k}), u.quote(k, safe=""), u.quote_plus(k), repr(k))'
echo "lines: $PEM"
exit 7
"""
PEM = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\n-----END KEY-----"


def store(
    stage: RunnerStage, name: str, value: str, environment: str = "", trust: Trust = Trust.RELEASE
) -> SecretPlace:
    place = SecretPlace(stage.name, Forge.GITHUB, REPOSITORY, environment)
    SecretsClient(stage.name, stage.client).set(place, name, StoredSecret(value=value, trust=trust))
    return place


def a_job(stage: RunnerStage, run: str, **more: object) -> Job:
    return stage.job(run, **{"trust": Trust.RELEASE, "secrets": {"KEY": "API_KEY"}, **more})


def tail_of(stage: RunnerStage, job: Job) -> str:
    stage.request(job)
    result = stage.result(job)
    assert result.state is JobState.SUCCEEDED, result.reason
    return result.tail


def reason_of(stage: RunnerStage, job: Job) -> str:
    stage.request(job)
    result = stage.result(job)
    assert (result.state, result.tail, result.log_stream) == (JobState.FAILED, "", "")
    return result.reason


def test_a_job_has_its_secret_and_nothing_that_is_kept_of_the_job_does(
    staffed: RunnerStage,
) -> None:
    """The job is hostile: it prints its secrets in every way that is promised to be masked."""
    stage = staffed
    store(stage, "API_KEY", VALUE)
    store(stage, "PEM_KEY", checked_value(f"{PEM}\n".encode()))
    job = a_job(stage, SHOWS_IT, secrets={"KEY": "API_KEY", "PEM": "PEM_KEY"})

    stage.request(job)
    result = stage.result(job)

    assert (result.state, result.exit_code) == (JobState.FAILED, 7)
    shown = stage.lines(result.log_stream)[-8:]
    assert shown[0] == "as it is: ***"
    assert shown[-3:] == ["lines: ***", "***", "***"]
    records = stage.dynamodb.scan(TableName=stage.table)["Items"]
    kept = json.dumps([shown, result.tail, result.reason, repr(records), job.model_dump_json()])
    for part in (VALUE[:8], VALUE[-8:], "MIIEvQI", "azN5L3dpdGg", VALUE.encode().hex()[:16]):
        assert part not in kept


def test_the_environment_s_own_secret_comes_first_and_is_only_for_its_deployments(
    staffed: RunnerStage,
) -> None:
    stage = staffed
    store(stage, "WHERE", "for any")
    store(stage, "WHERE", "for production", "production")
    store(stage, "ONLY", "for production", "production")
    run = 'test "$KEY" = "$EXPECTED"'

    expected_in = {None: "for any", "staging": "for any", "production": "for production"}
    for environment, expected in expected_in.items():
        variables = {"EXPECTED": expected}
        more = {"environment": environment, "secrets": {"KEY": "WHERE"}, "variables": variables}
        assert tail_of(stage, a_job(stage, run, **more)) == ""
    for elsewhere in (None, "staging"):
        job = a_job(stage, run, environment=elsewhere, secrets={"KEY": "ONLY"})
        assert "github/acme/shop has no secret ONLY" in reason_of(stage, job)


def test_a_secret_is_given_to_its_trust_and_to_higher_ones(
    staffed: RunnerStage, start_runner: StartRunner
) -> None:
    stage = staffed
    for trust in (Trust.CHECK, Trust.FORK):
        start_runner(stage, PENSTOCK_RUNNER_TRUST=trust)
    store(stage, "CHECKED", "for checks", trust=Trust.CHECK)
    store(stage, "RELEASED", "for releases")

    for trust in (Trust.RELEASE, Trust.CHECK):
        job = a_job(stage, 'test "$KEY"', trust=trust, secrets={"KEY": "CHECKED"})
        assert tail_of(stage, job) == ""
    job = a_job(stage, "true", trust=Trust.CHECK, secrets={"KEY": "RELEASED"})
    assert reason_of(stage, job) == (
        "secret RELEASED is for jobs of trust release, and this job's is check; "
        "give it one that was set with `--trust check`, under another name"
    )
    job = a_job(stage, "true", trust=Trust.FORK, secrets={"KEY": "CHECKED"})
    assert reason_of(stage, job) == "no job of a fork is given secrets: CHECKED"


def test_a_new_value_is_the_next_job_s_and_a_removed_one_is_nobody_s(staffed: RunnerStage) -> None:
    stage = staffed
    secrets = SecretsClient(stage.name, stage.client)
    for value in ("first", "second"):
        place = store(stage, "ROTATED", value)
        job = a_job(
            stage, 'test "$KEY" = "$EXPECTED"', secrets={"KEY": "ROTATED"},
            variables={"EXPECTED": value},
        )  # fmt: skip
        assert tail_of(stage, job) == ""
    assert "ROTATED" in {one["name"] for one in secrets.list()}

    secrets.remove(place, "ROTATED")

    assert "ROTATED" not in {one["name"] for one in secrets.list()}
    assert "penstock secret set ROTATED" in reason_of(
        stage, a_job(stage, "true", secrets={"KEY": "ROTATED"})
    )
    with pytest.raises(NotFoundError, match="there is no secret"):
        secrets.remove(place, "ROTATED")


def test_a_list_of_secrets_says_everything_but_their_values(staffed: RunnerStage) -> None:
    stage = staffed
    store(stage, "LISTED", "not to be seen", "production", Trust.CHECK)
    (found,) = (
        one for one in SecretsClient(stage.name, stage.client).list() if one["name"] == "LISTED"
    )
    assert found["changed_at"]
    assert {key: value for key, value in found.items() if key != "changed_at"} == {
        "name": "LISTED", "forge": "github", "repository": "acme/shop",
        "environment": "production", "trust": "check",
    }  # fmt: skip


def test_the_trust_of_a_secret_is_a_tag_and_in_its_content(staffed: RunnerStage) -> None:
    """IAM allows by the tag, and the runner by the content: both say the same after each change."""
    stage = staffed
    manager = stage.client("secretsmanager")
    for trust in (Trust.RELEASE, Trust.CHECK, Trust.RELEASE):
        secret_id = store(stage, "TAGGED", "something", trust=trust).id_of("TAGGED")
        tags = manager.describe_secret(SecretId=secret_id)["Tags"]
        assert {"Key": "penstock:trust", "Value": str(trust)} in tags
        content = manager.get_secret_value(SecretId=secret_id)["SecretString"]
        assert StoredSecret.model_validate_json(content).trust is trust
