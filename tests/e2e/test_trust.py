"""Trust on a whole stack: what a branch leaves behind, and what a forger says, moves no release."""

import json
from typing import Any

from penstock_shared.contracts.event import make_event
from penstock_shared.contracts.events import JobFinished
from penstock_shared.contracts.jobs import JobOutput, JobResult, JobState
from tests.support.builders import NOW
from tests.support.product import Product, Repository, eventually

# The branch's name is in no key: it stands for whatever a job can read and its key does not hold.
CONFIGURATION = """\
version: 1
components:
  app:
    path: app
    build: {run: 'printf "built on %%s" "$PENSTOCK_BRANCH" > out.txt', artifact: out.txt}
    deploy: {driver: command, run: 'cat "$PENSTOCK_ARTIFACT"'}
gates:
  check: {run: "%(gate)s"}
environments: {production: {}}
release: {to: production}
branches: {main: release, "**": check}
"""


def files(gate: str = "true") -> dict[str, str]:
    return {"penstock.yml": CONFIGURATION % {"gate": gate}, "app/code": "1"}


def jobs_of(flow: dict[str, Any]) -> list[dict[str, Any]]:
    return [job for phase in flow["phases"] for job in phase["jobs"]]


def log_of(product: Product, flow: dict[str, Any], name: str) -> str:
    job = next(job for job in jobs_of(flow) if job["name"] == name)
    url = f"{product.stack.api_url}/flows/{flow['flow_id']}/jobs/{job['job_id']}/log"
    return "\n".join(line["text"] for line in product.http.get(url).json()["lines"])


def test_production_serves_what_main_was_built_to_whatever_a_branch_has_built(
    product: Product, repository: Repository
) -> None:
    checked = product.await_state(repository.push(files(), branch="feature"), "succeeded")
    released = product.await_state(repository.push({}, branch="main"), "succeeded")

    assert [job["name"] for job in jobs_of(checked)] == ["build", "check"]
    assert [job["name"] for job in jobs_of(released)] == ["build", "check", "deploy"]
    assert "built on main" in log_of(product, released, "deploy")


def test_a_gate_that_a_branch_has_passed_is_run_for_the_release(
    product: Product, repository: Repository
) -> None:
    only_on_feature = "test $PENSTOCK_BRANCH = feature"
    product.await_state(repository.push(files(only_on_feature), branch="feature"), "succeeded")

    released = product.await_state(repository.push({}, branch="main"), "failed")

    assert "gate check (app) failed" in released["reason"]


def test_a_branch_uses_what_main_has_built_and_passed(
    product: Product, repository: Repository
) -> None:
    product.await_state(repository.push(files(), branch="main"), "succeeded")

    checked = product.await_state(repository.push({}, branch="feature"), "succeeded")

    assert jobs_of(checked) == []


def test_a_forged_result_passes_no_gate_and_the_real_one_counts(
    product: Product, repository: Repository
) -> None:
    """The forger may publish, knows the job, and names an object of the bucket."""
    flow_id = repository.push(files("sleep 4; false"), branch="main")
    job = product.await_job(flow_id, "check", "running")
    result = JobResult(
        job_id=job["job_id"],
        owner="test-runner",
        record=flow_id,
        name="check",
        component="app",
        state=JobState.SUCCEEDED,
        exit_code=0,
        started_at=NOW,
        finished_at=NOW,
        outputs=(JobOutput(name="app", key="snapshots/x", sha256="0" * 64, size=1),),
    )
    event = make_event(
        JobFinished(result=result, proof="0" * 32),
        flow_id=flow_id,
        source="penstock/runner",
        time=NOW,
        traceparent=f"00-{'1' * 32}-{'2' * 16}-01",
        hop=0,
    )
    product.stack.client("sns").publish(
        TopicArn=product.stack.topics["job-finished"],
        Message=event.model_dump_json(exclude_none=True, serialize_as_any=True),
        MessageAttributes={
            name: {"DataType": "String", "StringValue": value}
            for name, value in {"type": event.type, **event.data.attributes()}.items()
        },
    )

    eventually(lambda: refused_in(product, job["job_id"]), "the forged result to be refused")
    failed = product.await_state(flow_id, "failed")
    assert "gate check (app) failed" in failed["reason"]


def refused_in(product: Product, job_id: str) -> bool:
    """Whether the test-runner's log says that a result of this job was refused."""
    logs = product.stack.client("logs")
    found = logs.filter_log_events(
        logGroupName="/aws/lambda/penstock-test-runner-local-worker",
        filterPattern='"result refused"',
    )
    said = [json.dumps(event["message"]) for event in found["events"]]
    return any(job_id in line and "result refused" in line for line in said)
