"""An environment: who may change it now, who waits, and what it runs.

An environment has one writer at a time, its holder. Each time it changes hands its token grows, so
that whoever held it before and wakes up late can be told from who holds it now. In `parallel`
mode nobody holds it; then this record only remembers what runs.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar

from deployer_service.domain.messages import DeploymentCalled
from penstock_shared.contracts.model import Contract, Moment
from penstock_shared.contracts.plan import EnvironmentMode, ObjectRef
from penstock_shared.decisions import Change, Decision, Record, already_done, stale

LOOK_AGAIN = timedelta(minutes=15)
"""How long an environment is held before the sweeper asks whether its holder is still at it."""
PROVEN_KEPT = 3
"""How many good versions are remembered: more than one, since an abort may cross a promotion."""
UNPROVEN_KEPT = 5
"""How many versions that are not known to be good are remembered behind the current one."""
SETTLED_KEPT = 100
"""How many deployments a `parallel` environment remembers as already accounted for."""


class EnvironmentState(StrEnum):
    """Whether somebody may change the environment now."""

    FREE = "free"
    HELD = "held"


class Deployed(Contract):
    """One version of a component as it was deployed.

    `version` is the short sha of the change it came with, `revision` the driver's own name for
    it (for `lambda` the number of the published version), `outputs` what its dependents are told.
    """

    key: str
    version: str
    flow_id: str
    revision: str = ""
    outputs: dict[str, str] = {}
    artifact: ObjectRef | None = None

    def same_as(self, other: "Deployed | None") -> bool:
        """Whether the two are the same thing, whichever flows own them."""
        return other is not None and self == other.model_copy(update={"flow_id": self.flow_id})


class Place(Contract):
    """What an environment runs of one component.

    `proven` are the last versions that survived, `unproven` those between them and `current`
    whose flows are still under way; the newest comes first.
    """

    current: Deployed | None = None
    proven: tuple[Deployed, ...] = ()
    unproven: tuple[Deployed, ...] = ()

    def take(self, deployed: Deployed, *, proven: bool) -> "Place":
        """The place after a deployment."""
        if proven:
            return Place(current=deployed, proven=(deployed, *self.proven)[:PROVEN_KEPT])
        older = self.unproven
        if self.current and self.current not in self.proven:
            older = (self.current, *older)[:UNPROVEN_KEPT]
        return Place(current=deployed, proven=self.proven, unproven=older)

    def prove(self, flow_id: str) -> "Place":
        """The place once this flow's version is known to be good, be it current or not."""
        for index, deployed in enumerate((self.current, *self.unproven)):
            if deployed and deployed.flow_id == flow_id and deployed not in self.proven:
                return Place(
                    current=self.current,
                    proven=(deployed, *self.proven)[:PROVEN_KEPT],
                    unproven=self.unproven[: max(index - 1, 0)],
                )
        return self

    def good_without(self, flow_id: str) -> Deployed | None:
        """The last version that survived and is not this flow's."""
        return next((deployed for deployed in self.proven if deployed.flow_id != flow_id), None)

    def put_back(self, flow_id: str, target: Deployed | None) -> "Place":
        """The place running `target`, where this flow's version is none to go back to."""
        return Place(
            current=target,
            proven=_not_of(flow_id, self.proven),
            unproven=tuple(old for old in _not_of(flow_id, self.unproven) if old != target),
        )


class Claim(Contract):
    """A deployment that wants the environment, or has it. A rollback goes before all others."""

    deployment_id: str
    flow_id: str
    started_at: Moment
    rollback: bool = False


class Environment(Record):
    """One environment of one repository."""

    transitions: ClassVar[Mapping[EnvironmentState, frozenset[EnvironmentState]]] = {
        EnvironmentState.FREE: frozenset({EnvironmentState.HELD}),
        EnvironmentState.HELD: frozenset({EnvironmentState.FREE}),
    }

    state: EnvironmentState = EnvironmentState.FREE
    key: str
    mode: EnvironmentMode = EnvironmentMode.SUPERSEDE
    token: int = 0
    holder: Claim | None = None
    waiting: tuple[Claim, ...] = ()
    newest: Claim | None = None
    components: dict[str, Place] = {}
    settled: tuple[str, ...] = ()

    def place(self, component: str) -> Place:
        """What runs of a component; an empty place when it was never deployed here."""
        return self.components.get(component, Place())

    def held_by(self, deployment_id: str) -> bool:
        """Whether this deployment is the holder."""
        return self.holder is not None and self.holder.deployment_id == deployment_id

    def awaited_by(self, deployment_id: str) -> bool:
        """Whether this deployment stands in line."""
        return any(claim.deployment_id == deployment_id for claim in self.waiting)

    def with_places(self, places: Mapping[str, Place]) -> "Environment":
        """The environment running these."""
        return self.model_copy(update={"components": self.components | dict(places)})


class Standing(StrEnum):
    """How a deployment that wants an environment stands with it."""

    GRANTED = "granted"
    IN_LINE = "in-line"
    RETIRED = "retired"


def environment_key(forge: str, repository: str, name: str) -> str:
    """The key of an environment's record."""
    return f"environment#{forge}/{repository}#{name}"


def standing_of(environment: Environment, deployment_id: str) -> Standing:
    """How this deployment, which has claimed the environment, stands with it now."""
    if environment.held_by(deployment_id):
        return Standing.GRANTED
    return Standing.IN_LINE if environment.awaited_by(deployment_id) else Standing.RETIRED


def claim(
    known: Environment | None, key: str, mode: EnvironmentMode, wanted: Claim, now: datetime
) -> Decision[Environment]:
    """A deployment wants the environment.

    In supersede mode it is refused as stale when a newer flow was here or waits, and older ones
    that wait are retired.
    """
    environment = known or Environment(key=key)
    if environment.held_by(wanted.deployment_id) or environment.awaited_by(wanted.deployment_id):
        return already_done("the environment knows of this deployment")
    supersede = mode is EnvironmentMode.SUPERSEDE
    newest = environment.newest
    if supersede and newest and wanted.started_at < newest.started_at:
        return stale(f"flow {newest.flow_id} is newer and came before it")
    if newest is None or wanted.started_at >= newest.started_at:
        newest = wanted
    environment = environment.model_copy(update={"mode": mode, "newest": newest})
    overtaken = [waiting for waiting in environment.waiting if _overtaken(waiting, wanted)]
    if supersede and overtaken:
        environment = _without(environment, {waiting.deployment_id for waiting in overtaken})
    else:
        overtaken = []
    calls = [_call(environment, waiting) for waiting in overtaken]
    return Change(_line_up(environment, wanted, now), calls)


def claim_back(environment: Environment, wanted: Claim, now: datetime) -> Decision[Environment]:
    """A finished deployment wants the environment again, to roll back. It is first in line."""
    if wanted in (environment.holder, *environment.waiting):
        return already_done("the environment knows of this rollback")
    return Change(_line_up(_without(environment, {wanted.deployment_id}), wanted, now))


def hold_on(environment: Environment, wanted: Claim, now: datetime) -> Environment:
    """The holder goes on to roll back what it has just deployed, under a new token."""
    return _hold(environment, wanted, now)


def release(environment: Environment, deployment_id: str, now: datetime) -> Change[Environment]:
    """A deployment no longer wants the environment; who is next in line gets it."""
    environment = _without(environment, {deployment_id})
    if not environment.held_by(deployment_id):
        return Change(environment)
    if not environment.waiting:
        free = {"state": EnvironmentState.FREE, "holder": None, "deadline": None}
        return Change(environment.model_copy(update=free))
    following, *others = environment.waiting
    shorter = environment.model_copy(update={"waiting": tuple(others)})
    held = _hold(shorter, following, now)
    return Change(held, [_call(held, following)])


def look_again(
    known: Environment | None, holder: Claim, now: datetime, *, vanished: bool
) -> Decision[Environment]:
    """The sweeper has looked after the holder, and comes again while it is at it.

    A holder that vanished claimed the environment and died before its deployment was written;
    should its message come again, so will its claim.
    """
    if known is None or known.holder != holder or not known.deadline or known.deadline > now:
        return already_done("the environment has gone on")
    if vanished:
        return release(known, holder.deployment_id, now)
    return Change(known.model_copy(update={"deadline": now + LOOK_AGAIN}))


def prove(known: Environment | None, flow_id: str) -> Decision[Environment]:
    """The flow reached production: what it deployed here is good."""
    if known is None:
        return already_done("nothing was deployed here")
    places = {name: place.prove(flow_id) for name, place in known.components.items()}
    if places == known.components:
        return already_done("nothing here becomes good by that")
    return Change(known.with_places(places))


def _not_of(flow_id: str, versions: tuple[Deployed, ...]) -> tuple[Deployed, ...]:
    return tuple(deployed for deployed in versions if deployed.flow_id != flow_id)


def _overtaken(waiting: Claim, wanted: Claim) -> bool:
    return not waiting.rollback and waiting.started_at < wanted.started_at


def _without(environment: Environment, ids: set[str]) -> Environment:
    staying = tuple(claim for claim in environment.waiting if claim.deployment_id not in ids)
    return environment.model_copy(update={"waiting": staying})


def _line_up(environment: Environment, wanted: Claim, now: datetime) -> Environment:
    if environment.holder is None:
        return _hold(environment, wanted, now)
    rollbacks = tuple(claim for claim in environment.waiting if claim.rollback)
    others = tuple(claim for claim in environment.waiting if not claim.rollback)
    line = (*rollbacks, wanted, *others) if wanted.rollback else (*rollbacks, *others, wanted)
    return environment.model_copy(update={"waiting": line})


def _hold(environment: Environment, holder: Claim, now: datetime) -> Environment:
    held = {
        "state": EnvironmentState.HELD,
        "holder": holder,
        "token": environment.token + 1,
        "deadline": now + LOOK_AGAIN,
    }
    return environment.model_copy(update=held)


def _call(environment: Environment, claim: Claim) -> DeploymentCalled:
    return DeploymentCalled(deployment_id=claim.deployment_id, token=environment.token)
