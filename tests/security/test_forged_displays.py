"""Whoever has a runner's rights tells the page what it likes.

The attack: a runner of forks published `job-finished` for the gates of a release, all green, with
last lines of its choice, and `job-started` with another job's log. The page showed both.
"""

import pytest

from monitor_service.use_cases.believe_runners import BelieveRunners
from monitor_service.use_cases.record_event import RecordEvent
from penstock_shared.contracts.change import Trust
from penstock_shared.contracts.event import EventData
from penstock_shared.contracts.events import JobFinished, JobStarted
from penstock_shared.decisions import Result
from penstock_shared.observability import Telemetry
from penstock_shared.proofs import JobProofs
from tests.support.builders import FLOW_ID, OTHER_FLOW_ID, a_cause, a_result, an_event
from tests.unit.monitor_service.fakes import InMemoryFacts
from tests.unit.monitor_service.stories import Story

SECRET = "the stage's"  # of these tests
OWNER = "test-runner"


def proofs_of(service: str) -> JobProofs:
    return JobProofs.of(SECRET, service)


def kept(data: EventData, flow_id: str = FLOW_ID) -> Result:
    """What became of an event that somebody published."""
    record = RecordEvent(InMemoryFacts(), BelieveRunners(proofs_of, Telemetry("monitor")))
    return record(an_event(data, flow_id), a_cause(flow_id)).result


def ended(proof: str | None) -> JobFinished:
    return JobFinished(result=a_result("7" * 20, owner=OWNER, trust=Trust.RELEASE), proof=proof)


def began(proof: str | None, trust: Trust = Trust.RELEASE) -> JobStarted:
    told = {"job_id": "7" * 20, "trust": trust, "proof": proof}
    return Story().started(OWNER, "unit").model_copy(update=told)


PROOF = proofs_of(OWNER).proof_of(FLOW_ID, "7" * 20, Trust.RELEASE)
FORGED = {
    "none": None,
    "a guess": "0" * 32,
    "another job's": proofs_of(OWNER).proof_of(FLOW_ID, "8" * 20, Trust.RELEASE),
    "another flow's": proofs_of(OWNER).proof_of(OTHER_FLOW_ID, "7" * 20, Trust.RELEASE),
    "another trust's": proofs_of(OWNER).proof_of(FLOW_ID, "7" * 20, Trust.FORK),
    "another service's": proofs_of("build").proof_of(FLOW_ID, "7" * 20, Trust.RELEASE),
}


@pytest.mark.parametrize("data", [ended(PROOF), began(PROOF)], ids=lambda data: data.type)
def test_what_a_runner_says_of_a_job_that_it_was_given_is_shown(data: EventData) -> None:
    assert kept(data) is Result.APPLIED


@pytest.mark.parametrize("proof", FORGED.values(), ids=FORGED)
def test_what_others_say_of_a_job_is_not_shown(
    proof: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [kept(ended(proof)), kept(began(proof))] == [Result.REFUSED] * 2
    assert capsys.readouterr().out.count("RefusedResults") >= 2
