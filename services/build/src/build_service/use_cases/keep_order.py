"""The head of a branch wins over its other flows, in whichever order pushes arrive."""

from dataclasses import dataclass

from build_service.domain.errors import OvertakenError
from build_service.domain.repository import Repository, order_of, plan_flow, repository_key
from penstock_shared.contracts.plan import EnvironmentMode, Plan
from penstock_shared.decisions import Cause, Result
from penstock_shared.persistence.outbox import Records


@dataclass(frozen=True)
class KeepOrder:
    """Gives each flow that releases its place among those of its branch."""

    repositories: Records[Repository]

    def __call__(self, plan: Plan, head: str, cause: Cause) -> Plan:
        """The plan, with the moment by which environments order it as its start.

        Raises OvertakenError when the branch's head is another commit, and planned already. Flows
        that share no environment need no order, so they make no call.
        """
        if not _is_ordered(plan):
            return plan
        change, flow_id = plan.change, plan.flow_id
        outcome = self.repositories.change(
            repository_key(change.forge, change.repository),
            cause,
            lambda known: plan_flow(known, flow_id, change, head),
        )
        if outcome.result is Result.STALE:
            raise OvertakenError(outcome.reason)
        begun = order_of(outcome.record, flow_id, change)
        return plan.model_copy(update={"started_at": begun})


def _is_ordered(plan: Plan) -> bool:
    release = plan.release
    if release is None:
        return False
    environments = [one for one in (release.staging, release.production) if one]
    return any(one.mode is not EnvironmentMode.PARALLEL for one in environments)
