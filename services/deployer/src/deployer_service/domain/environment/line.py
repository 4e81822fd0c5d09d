"""Who may change an environment now, and who waits for it in which order."""

from datetime import datetime, timedelta

from deployer_service.domain.environment.model import Claim, Environment, EnvironmentState
from deployer_service.domain.messages import DeploymentCalled
from penstock_shared.contracts.plan import EnvironmentMode
from penstock_shared.decisions import Decision, Write, already_done, stale

LOOK_AGAIN = timedelta(minutes=15)
"""How long an environment is held before the sweeper asks whether its holder is still at it."""


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
    return Write(_line_up(environment, wanted, now), calls)


def claim_back(environment: Environment, wanted: Claim, now: datetime) -> Decision[Environment]:
    """A finished deployment wants the environment again, to roll back. It is first in line."""
    if wanted in (environment.holder, *environment.waiting):
        return already_done("the environment knows of this rollback")
    return Write(_line_up(_without(environment, {wanted.deployment_id}), wanted, now))


def hold_on(environment: Environment, wanted: Claim, now: datetime) -> Environment:
    """The holder goes on to roll back what it has just deployed, under a new token."""
    return _hold(environment, wanted, now)


def release(environment: Environment, deployment_id: str, now: datetime) -> Write[Environment]:
    """A deployment no longer wants the environment; who is next in line gets it."""
    environment = _without(environment, {deployment_id})
    if not environment.held_by(deployment_id):
        return Write(environment)
    if not environment.waiting:
        free = {"state": EnvironmentState.FREE, "holder": None, "deadline": None}
        return Write(environment.model_copy(update=free))
    following, *others = environment.waiting
    shorter = environment.model_copy(update={"waiting": tuple(others)})
    held = _hold(shorter, following, now)
    return Write(held, [_call(held, following)])


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
    return Write(known.model_copy(update={"deadline": now + LOOK_AGAIN}))


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
