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
    DeploymentEvent,
    EnvironmentPassed,
    FlowAborted,
    FlowFailed,
    FlowRef,
    FlowStopped,
    FlowSuperseded,
    GatesProven,
    JobFinished,
    JobStarted,
    ReleasePromoted,
    RolledBack,
    TestsPassed,
)
from penstock_shared.contracts.jobs import JobState
from penstock_shared.errors import RefusedMessageError
from penstock_shared.identifiers import digest_of

LONGEST_MESSAGE = 500
"""Characters of a commit's message; the repository has the rest."""
LONGEST_REASON = 2000
MOST_IN_THE_FLOW = 40
"""Components that are kept in the flow's own item, which every list reads."""

STOPS: Mapping[type[EventData], type[facts.Stopped]] = {
    FlowFailed: facts.FailedFact,
    FlowAborted: facts.AbortedFact,
    FlowSuperseded: facts.SupersededFact,
}


@dataclass(frozen=True)
class Recording:
    """What to write: the fact, and how the flow is listed if this is the fact that lists it."""

    fact: Fact
    listing: Listing | None = None
    components: Fact | None = None
    """Components that are too many for the flow's own item; written before the fact itself."""


Keeper = Callable[[Event[Any]], Recording]
KEEPERS: dict[type[EventData], Keeper] = {}


def keeps(*types: type[EventData]) -> Callable[[Keeper], Keeper]:
    """Say that a function makes what is kept of these types of events."""

    def register(keeper: Keeper) -> Keeper:
        KEEPERS.update(dict.fromkeys(types, keeper))
        return keeper

    return register


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


@keeps(BuildRequested)
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
        pull_request=change.pull_request,
        fork=change.fork,
        base=change.base.ref if change.base else "",
    )
    return Recording(Fact.of(facts.FLOW, body), Listing(change.repository, event.time))


@keeps(BuildCompleted)
def _planned(event: Event[Any]) -> Recording:
    return _about_flow(facts.PlannedFact(at=event.time, **_of(event.data.flow)))


@keeps(TestsPassed)
def _tested(event: Event[Any]) -> Recording:
    return _about_flow(
        facts.TestedFact(at=event.time, **_of(event.data.flow), reused_gates=event.data.reused)
    )


@keeps(GatesProven)
def _proven(event: Event[Any]) -> Recording:
    data = event.data
    return _about_flow(facts.ProvenFact(at=event.time, proofs=data.proofs, doubted=data.doubted))


@keeps(EnvironmentPassed)
def _verified(event: Event[Any]) -> Recording:
    return _about_flow(
        facts.EnvironmentPassedFact(at=event.time, environment=event.data.environment)
    )


@keeps(DeployDone)
def _deployed(event: Event[Any]) -> Recording:
    data = event.data
    body = facts.DeployedFact(
        at=event.time,
        **_of(data.flow),
        **_of_environment(data),
        begun_at=data.started_at,
    )
    return _about_environment(body, data)


@keeps(BakeStarted)
def _baking(event: Event[Any]) -> Recording:
    data = event.data
    return _about_flow(
        facts.BakingFact(at=event.time, version=data.version, deadline=data.deadline)
    )


@keeps(ReleasePromoted)
def _promoted(event: Event[Any]) -> Recording:
    data = event.data
    return _about_flow(
        facts.PromotedFact(at=event.time, **_of(data.flow), version=data.version, by=data.by)
    )


@keeps(*STOPS)
def _stopped(event: Event[Any]) -> Recording:
    data: FlowStopped = event.data
    body = STOPS[type(data)](
        at=event.time,
        phase=data.phase,
        reason=data.reason[:LONGEST_REASON],
        by=data.by,
        job=facts.StoppingJob(**data.job.model_dump()) if data.job else None,
    )
    return _about_flow(body)


@keeps(RolledBack)
def _rolled_back(event: Event[Any]) -> Recording:
    data = event.data
    body = facts.RolledBackFact(
        at=event.time,
        **_of_environment(data),
        reason=data.reason[:LONGEST_REASON],
    )
    return _about_environment(body, data)


@keeps(JobStarted)
def _job_began(event: Event[Any]) -> Recording:
    data: JobStarted = event.data
    body = facts.JobBegan(
        at=data.started_at,
        owner=data.owner,
        position=data.position,
        name=data.name,
        component=data.component,
        environment=data.environment,
        attempt=data.attempt,
        log_stream=data.log_stream,
    )
    return Recording(Fact.of(f"{facts.JOB}{data.job_id}", body, str(data.attempt)))


@keeps(JobFinished)
def _job_ended(event: Event[Any]) -> Recording:
    result = event.data.result
    body = facts.JobEnded(
        at=result.finished_at,
        began_at=result.started_at,
        **result.model_dump(
            include={
                "owner", "position", "name", "component", "environment", "attempt", "state",
                "exit_code", "reason", "log_stream", "outputs",
            }
        ),
        command=result.command[:LONGEST_REASON],
        tail="" if result.state is JobState.SUCCEEDED else result.tail,
    )  # fmt: skip
    return Recording(Fact.of(f"{facts.JOB}{result.job_id}", body, str(result.attempt)))


def _about_flow(body: facts.FactBody) -> Recording:
    return Recording(Fact.of(facts.FLOW, body))


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


def _of_environment(data: DeploymentEvent) -> dict[str, Any]:
    known = {"environment": data.environment, "role": data.role}
    components = data.components
    if len(components) > MOST_IN_THE_FLOW:
        return {**known, "moved": sum(one.deployed for one in components)}
    listed = tuple(facts.ComponentThere(**one.model_dump()) for one in components)
    return {**known, "components": listed}


def _about_environment(body: facts.EnvironmentFact, data: DeploymentEvent) -> Recording:
    fact = Fact.of(facts.FLOW, body, data.identity())
    if body.moved is None:
        return Recording(fact)
    components = facts.ComponentsFact(at=body.at, outcomes=data.outcomes)
    return Recording(fact, components=Fact.of(f"{facts.COMPONENTS}{fact.name}", components))
