"""From an event to the one fact that is kept of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from monitor_service.domain import facts
from monitor_service.domain.facts import Fact, Listing
from penstock_shared.contracts.commands import ReleaseCommand
from penstock_shared.contracts.event import Event, EventData
from penstock_shared.contracts.events import (
    BakeStarted,
    BuildCompleted,
    BuildRequested,
    DeployDone,
    DeployedComponent,
    FlowAborted,
    FlowFailed,
    FlowRef,
    FlowStopped,
    FlowSuperseded,
    JobFinished,
    JobStarted,
    ReleasePromoted,
    RolledBack,
    TestsPassed,
)
from penstock_shared.errors import RefusedMessageError
from penstock_shared.identifiers import digest_of

LONGEST_MESSAGE = 500
"""Characters of a commit's message; the repository has the rest."""
LONGEST_REASON = 2000


@dataclass(frozen=True)
class Recording:
    """What to write: the fact, and how the flow is listed if this is the fact that lists it."""

    fact: Fact
    listing: Listing | None = None


def recording_of(event: Event[EventData]) -> Recording:
    """What is kept of an event. Raises RefusedMessageError for a type that is not kept."""
    keep = KEEPERS.get(type(event.data))
    if keep is None:
        raise RefusedMessageError(f"the monitor keeps nothing of {event.type}")
    return keep(event)


def recording_of_request(command: ReleaseCommand) -> Recording:
    """What is kept of an abort that was asked for: equal requests are one."""
    body = facts.AbortAsked(by=command.by, reason=command.reason)
    part = f"{facts.ASKED}{digest_of(command.by, command.reason)[:12]}"
    return Recording(Fact.of(part, body))


def _requested(event: Event[Any]) -> Recording:
    change = event.data.change
    body = facts.RequestedFact(
        at=event.time,
        forge=change.forge,
        repository=change.repository,
        ref=change.ref,
        before=change.before,
        sha=change.sha,
        author=change.author[:LONGEST_MESSAGE],
        message=change.message[:LONGEST_MESSAGE],
        attempt=event.data.attempt,
    )
    return Recording(Fact.of(facts.FLOW, body), Listing(change.repository, event.time))


def _planned(event: Event[Any]) -> Recording:
    return _about_flow(facts.PlannedFact(at=event.time, **_of(event.data.flow)))


def _tested(event: Event[Any]) -> Recording:
    return _about_flow(
        facts.TestedFact(at=event.time, **_of(event.data.flow), reused_gates=event.data.reused)
    )


def _deployed(event: Event[Any]) -> Recording:
    data = event.data
    body = facts.DeployedFact(
        at=event.time,
        **_of(data.flow),
        environment=data.environment,
        role=data.role,
        begun_at=data.started_at,
        components=_components(data.components),
    )
    return _about_flow(body, data.identity())


def _baking(event: Event[Any]) -> Recording:
    data = event.data
    return _about_flow(
        facts.BakingFact(at=event.time, version=data.version, deadline=data.deadline)
    )


def _promoted(event: Event[Any]) -> Recording:
    data = event.data
    return _about_flow(
        facts.PromotedFact(at=event.time, **_of(data.flow), version=data.version, by=data.by)
    )


def _stopped(how: type[facts.Stopped]) -> Callable[[Event[Any]], Recording]:
    def keep(event: Event[Any]) -> Recording:
        data: FlowStopped = event.data
        body = how(
            at=event.time,
            stage=data.stage,
            reason=data.reason[:LONGEST_REASON],
            by=data.by,
            job=facts.StoppingJob(**data.job.model_dump()) if data.job else None,
        )
        return _about_flow(body)

    return keep


def _rolled_back(event: Event[Any]) -> Recording:
    data = event.data
    body = facts.RolledBackFact(
        at=event.time,
        environment=data.environment,
        role=data.role,
        components=_components(data.components),
        reason=data.reason,
    )
    return _about_flow(body, data.identity())


def _job_began(event: Event[Any]) -> Recording:
    data: JobStarted = event.data
    body = facts.JobBegan(
        at=data.started_at,
        owner=data.owner,
        name=data.name,
        component=data.component,
        attempt=data.attempt,
        log_stream=data.log_stream,
    )
    return Recording(Fact.of(f"{facts.JOB}{data.job_id}", body, str(data.attempt)))


def _job_ended(event: Event[Any]) -> Recording:
    result = event.data.result
    body = facts.JobEnded(
        at=result.finished_at,
        began_at=result.started_at,
        **result.model_dump(
            include={
                "owner", "name", "component", "attempt", "state", "exit_code", "command",
                "tail", "reason", "log_stream",
            }
        ),
    )  # fmt: skip
    return Recording(Fact.of(f"{facts.JOB}{result.job_id}", body, str(result.attempt)))


def _about_flow(body: facts.FactBody, identity: str = "") -> Recording:
    return Recording(Fact.of(facts.FLOW, body, identity))


def _of(flow: FlowRef) -> dict[str, Any]:
    return {
        "forge": flow.forge,
        "repository": flow.repository,
        "ref": flow.ref,
        "sha": flow.sha,
        "intent": flow.intent,
        "started_at": flow.started_at,
        "plan": flow.plan,
    }


def _components(told: tuple[DeployedComponent, ...]) -> tuple[facts.ComponentThere, ...]:
    return tuple(
        facts.ComponentThere(
            name=one.name, version=one.version, deployed=one.deployed, reason=one.reason
        )
        for one in told
    )


KEEPERS: Mapping[type[EventData], Callable[[Event[Any]], Recording]] = {
    BuildRequested: _requested,
    BuildCompleted: _planned,
    TestsPassed: _tested,
    DeployDone: _deployed,
    BakeStarted: _baking,
    ReleasePromoted: _promoted,
    FlowFailed: _stopped(facts.FailedFact),
    FlowAborted: _stopped(facts.AbortedFact),
    FlowSuperseded: _stopped(facts.SupersededFact),
    RolledBack: _rolled_back,
    JobStarted: _job_began,
    JobFinished: _job_ended,
}
