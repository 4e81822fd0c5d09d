"""why and artifacts: what a gate ran for, and what it left."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.unit.penstock.commands.conftest import Run
from tests.unit.penstock.commands.fake_stack import FakeStack, a_flow, a_job, a_phase

FLOW, SINCE = "a" * 20, "b" * 20
FUNCTION = "penstock-build-local-preview"
CONTENT = b"a picture"
PROVEN = {"flow_id": SINCE, "sha": "d" * 40, "gates": ["lint (orders)"]}


def with_tests(*jobs: dict[str, Any], **given: Any) -> dict[str, Any]:
    phases = [a_phase("build", "succeeded"), a_phase("test", "succeeded", *jobs, **given)]
    return a_flow(FLOW, "succeeded", phases=phases)


def left(path: str, content: bytes = CONTENT) -> dict[str, Any]:
    digest = sha256(content).hexdigest()
    return {"path": path, "key": f"reports/{path}", "sha256": digest, "size": len(content)}


@pytest.fixture
def flows(stack: FakeStack) -> FakeStack:
    earlier = a_flow(SINCE, "succeeded", started_at="2026-01-02T03:04:04.000Z")
    later = a_flow("c" * 20, "succeeded", started_at="2026-01-02T03:04:06.000Z")
    tested = with_tests(a_job(), reused=["lint (orders)"], proven=[PROVEN])
    stack.flows = {later["flow_id"]: later, FLOW: tested, SINCE: earlier}
    return stack


def test_why_names_the_inputs_that_differ_from_the_last_flow_that_succeeded_before(
    run: Run, flows: FakeStack
) -> None:
    flows.functions[FUNCTION] = {"differs": ["libs/common/**"]}

    said = run("why", FLOW, "unit").stdout.splitlines()

    assert said == [f"unit (orders) ran, since this is not as in flow {SINCE}:", "  libs/common/**"]
    assert flows.invoked == [(FUNCTION, {"flow_id": FLOW, "since": SINCE, "gate": "unit (orders)"})]


def test_why_names_the_flow_that_proved_a_gate(run: Run, flows: FakeStack) -> None:
    said = run("why", FLOW, "lint (orders)").stdout

    assert f"nothing that it sees has changed since flow {SINCE}, commit dddddddddddd" in said
    assert flows.invoked == []


def test_why_of_a_gate_that_there_is_not_names_those_that_there_are(
    run: Run, flows: FakeStack
) -> None:
    assert "ran no gate units; there are unit (orders)" in run("why", FLOW, "units", code=4).output


def test_why_says_that_nothing_had_succeeded_before(run: Run, stack: FakeStack) -> None:
    stack.flows = {FLOW: with_tests(a_job())}

    assert "no flow of acme/shop had succeeded before" in run("why", FLOW, "unit").stdout


def test_show_says_who_proved_a_gate(run: Run, flows: FakeStack) -> None:
    said = " ".join(run("show", FLOW).stdout.split())

    assert "lint (orders): unchanged since ddddddd, proved by flow bbbbbbbb" in said


def test_artifacts_are_listed_and_downloaded_and_compared(
    run: Run, stack: FakeStack, tmp_path: Path
) -> None:
    stack.flows = {FLOW: with_tests(a_job(job_id="1" * 20, artifacts=[left("shots/one.png")]))}
    stack.objects["reports/shots/one.png"] = CONTENT

    assert "shots/one.png" in run("artifacts", FLOW).stdout
    run("artifacts", FLOW, "--to", str(tmp_path))
    assert (tmp_path / "unit (orders)" / ("1" * 20) / "shots" / "one.png").read_bytes() == CONTENT

    stack.objects["reports/shots/one.png"] = b"another"
    said = run("artifacts", FLOW, "--to", str(tmp_path), code=1).output
    assert "is not what the job left" in " ".join(said.split())


def test_no_artifact_is_written_outside_of_the_folder(
    run: Run, stack: FakeStack, tmp_path: Path
) -> None:
    stack.flows = {FLOW: with_tests(a_job(artifacts=[left("../../../../../../../../tmp/x")]))}

    said = run("artifacts", FLOW, "--to", str(tmp_path / "to"), code=1).output

    assert "leads out of" in " ".join(said.split())


def test_run_asks_for_a_flow_that_uses_nothing_known(
    run: Run, stack: FakeStack, pushed: str
) -> None:
    run("run", "--no-cache")

    ((topic, message),) = stack.published
    assert (topic, message["fresh"], message["sha"]) == ("run-flow", True, pushed)


def test_flaky_gates_are_listed_by_their_rate(run: Run, stack: FakeStack) -> None:
    lint, unit = a_job("lint"), a_job("unit", job_id="2" * 20)
    for number, (first, second) in enumerate(
        [(True, False), (True, True), (False, False), (True, False)]
    ):
        jobs = [{**lint, "flaky": first}, {**unit, "flaky": second}]
        flow_id = f"{number}" * 20
        stack.flows[flow_id] = {**with_tests(*jobs), "flow_id": flow_id}
        stack.flows[flow_id]["phases"].append(a_phase("staging"))

    lines = [" ".join(line.split()) for line in run("flaky").stdout.splitlines()]

    assert lines == [
        "GATE FLAKY OF RATE LAST",
        "lint (orders) 3 4 75 % 00000000",
        "unit (orders) 1 4 25 % 11111111",
    ]


def test_where_nothing_was_flaky_that_is_said(run: Run, stack: FakeStack) -> None:
    assert "no gate was flaky in the newest 0 flows" in run("flaky").stdout
