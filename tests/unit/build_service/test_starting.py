"""Flows that people request: a flow again, or a branch's commit without a push."""

from typing import Any

import pytest

from build_service.domain import build
from build_service.domain.build import Build, BuildState
from build_service.use_cases.start_flow import StartFlow
from build_service.use_cases.stop_build import StopBuild
from penstock_shared.contracts.commands import RunFlow, read_command
from penstock_shared.contracts.events import BuildRequested, FlowAborted, FlowFailed
from penstock_shared.contracts.registry import RemoveRepository
from penstock_shared.decisions import Outcome
from penstock_shared.errors import RefusedMessageError
from penstock_shared.identifiers import retry_id_for, run_id_for
from penstock_shared.persistence.outbox import Records
from penstock_shared.testing.fakes import RecordingPublisher, fake_records
from tests.support.builders import FLOW_ID, NOW, SHA, a_cause, a_change, an_event
from tests.unit.build_service.registered import FakeEntrance, FakeRegistry, a_registry

REF = "refs/heads/main"
RUN = run_id_for("github", "acme/shop", REF, SHA, "r-1")


@pytest.fixture
def records() -> Records[Build]:
    return fake_records()


@pytest.fixture
def registry() -> FakeRegistry:
    return a_registry(clone_url="https://h/x")


@pytest.fixture
def start(records: Records[Build], registry: FakeRegistry) -> StartFlow:
    return FakeEntrance(registry, records).start


def failed(records: Records[Build], flow_id: str = FLOW_ID, attempt: int = 1) -> None:
    requested = build.request(flow_id, a_change(), NOW, attempt)
    records.change(flow_id, a_cause(flow_id), lambda _: requested)
    records.change(flow_id, a_cause(flow_id), lambda known: build.fail(requested.record, "no"))


def abort(records: Records[Build], flow_id: str, reason: str) -> None:
    StopBuild(records)(an_event(FlowAborted(reason=reason), flow_id), a_cause(flow_id))


def requests(records: Records[Build]) -> list[tuple[str, BuildRequested]]:
    assert isinstance(records.publisher, RecordingPublisher)
    return [
        (event.subject, event.data)
        for event in records.publisher.said
        if isinstance(event.data, BuildRequested)
    ]


def a_run(**given: Any) -> RunFlow:
    asked = {"flow_id": RUN, "forge": "github", "repository": "acme/shop", "ref": REF}
    return RunFlow(**{**asked, "sha": SHA, "request": "r-1", "by": "grace", **given})


def retry(start: StartFlow, flow_id: str = FLOW_ID, attempt: int = 2) -> Outcome[Build]:
    return start(RunFlow(flow_id=flow_id, attempt=attempt), a_cause(flow_id))


def test_a_flow_runs_again_as_its_next_attempt(start: StartFlow, records: Records[Build]) -> None:
    failed(records)

    retry(start)

    flow_id, request = requests(records)[-1]
    assert flow_id == retry_id_for(FLOW_ID, 2)
    assert (request.attempt, request.change.sha) == (2, SHA)


def test_the_same_retry_twice_is_one_flow(start: StartFlow, records: Records[Build]) -> None:
    failed(records)

    outcomes = [retry(start).applied for _ in range(2)]

    assert outcomes == [True, False]
    assert len(requests(records)) == 2


def test_a_retry_that_failed_can_be_run_again(start: StartFlow, records: Records[Build]) -> None:
    failed(records, attempt=2)

    retry(start, attempt=3)

    assert requests(records)[-1][1].attempt == 3


def test_an_aborted_flow_can_be_run_again(start: StartFlow, records: Records[Build]) -> None:
    requested = build.request(FLOW_ID, a_change(), NOW)
    records.change(FLOW_ID, a_cause(), lambda _: requested)
    abort(records, FLOW_ID, "wrong price")

    assert retry(start).applied


def test_a_retry_that_was_aborted_before_it_came_stays_stopped(
    start: StartFlow, records: Records[Build]
) -> None:
    failed(records)
    again = retry_id_for(FLOW_ID, 2)
    abort(records, again, "no more")

    outcome = retry(start)

    assert outcome.record
    assert (outcome.record.state, outcome.record.attempt) == (BuildState.STOPPED, 2)


@pytest.mark.parametrize(
    ("flow_id", "attempt", "reason"),
    [
        ("9" * 20, 2, "there is no flow"),
        (FLOW_ID, 3, "is attempt 1; it is run again as the next one only"),
    ],
)
def test_what_cannot_be_run_again_is_refused_with_the_reason(
    start: StartFlow, records: Records[Build], flow_id: str, attempt: int, reason: str
) -> None:
    failed(records)

    with pytest.raises(RefusedMessageError, match=reason):
        retry(start, flow_id, attempt)


def test_a_flow_whose_build_runs_is_not_run_again(
    start: StartFlow, records: Records[Build]
) -> None:
    requested = build.request(FLOW_ID, a_change(), NOW)
    records.change(FLOW_ID, a_cause(), lambda _: requested)

    with pytest.raises(RefusedMessageError, match="still runs: its build is requested"):
        retry(start)


def test_a_flow_whose_push_never_came_is_not_run_again(
    start: StartFlow, records: Records[Build]
) -> None:
    abort(records, FLOW_ID, "no")

    with pytest.raises(RefusedMessageError, match="before its push arrived"):
        retry(start)


def test_a_commit_of_a_branch_runs_without_a_push(
    start: StartFlow, records: Records[Build]
) -> None:
    outcomes = [start(a_run(), a_cause(RUN)).applied for _ in range(2)]

    assert outcomes == [True, False]
    ((flow_id, request),) = requests(records)
    assert flow_id == RUN
    assert (request.change.clone_url, request.change.author) == ("https://h/x", "grace")


def test_a_flow_runs_again_from_the_address_that_is_registered_now(
    start: StartFlow, records: Records[Build]
) -> None:
    failed(records)

    retry(start)

    assert requests(records)[-1][1].change.clone_url == "https://h/x"


def test_a_repository_that_is_not_registered_is_told_in_the_flow(
    start: StartFlow, records: Records[Build], registry: FakeRegistry
) -> None:
    registry.ask(RemoveRepository(full_name="acme/shop"))

    outcome = start(a_run(), a_cause(RUN))

    assert outcome.record
    assert outcome.record.state is BuildState.FAILED
    assert isinstance(records.publisher, RecordingPublisher)
    (failed,) = records.publisher.only(FlowFailed)
    assert "no repository acme/shop of github is registered" in failed.reason
    assert requests(records)[0][0] == RUN


def test_a_run_under_the_name_of_another_flow_is_refused(start: StartFlow) -> None:
    with pytest.raises(RefusedMessageError, match=f"this run is flow {RUN}"):
        start(a_run(flow_id=FLOW_ID), a_cause())


@pytest.mark.parametrize(
    "text",
    [
        "run it",
        "{}",
        f'{{"flow_id": "{FLOW_ID}"}}',
        f'{{"flow_id": "{FLOW_ID}", "attempt": 1}}',
        f'{{"flow_id": "{FLOW_ID}", "attempt": 2, "sha": "{SHA}"}}',
        f'{{"flow_id": "{FLOW_ID}", "forge": "github", "repository": "x", "ref": "main"}}',
    ],
)
def test_a_message_that_asks_for_nothing_is_refused_with_what_was_expected(text: str) -> None:
    with pytest.raises(RefusedMessageError, match=r"expected .*attempt.* or "):
        read_command("run-flow", text)
