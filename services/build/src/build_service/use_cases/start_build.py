"""A change should flow: have it planned, and request the jobs for what is not built yet."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from build_service.domain import build
from build_service.domain.build import Build, BuildState
from build_service.domain.errors import BuildError, OvertakenError, SkippedError
from build_service.domain.planning import artifact_memo_key, with_known_artifacts
from build_service.use_cases.keep_order import KeepOrder
from build_service.use_cases.registered_planner import RegisteredPlanner
from penstock_shared.clock import Clock
from penstock_shared.contracts.change import Change
from penstock_shared.contracts.event import Event
from penstock_shared.contracts.events import BuildRequested
from penstock_shared.contracts.plan import Plan
from penstock_shared.decisions import Cause, Decision, Outcome, already_done
from penstock_shared.persistence.memo import Memo
from penstock_shared.persistence.outbox import Records
from penstock_shared.plans import Plans
from penstock_shared.proofs import JobProofs


@dataclass(frozen=True)
class StartBuild:
    """Turns a change into a plan and its build jobs."""

    records: Records[Build]
    planner: RegisteredPlanner
    plans: Plans
    artifacts: Memo
    keep_order: KeepOrder
    proofs: JobProofs
    clock: Clock

    def __call__(self, event: Event[BuildRequested], cause: Cause) -> Outcome[Build]:
        """Plan the flow, unless that is done. Errors in the change fail the flow."""
        flow_id, request = event.subject, event.data
        # `decide` may be called again when the record changes. Planning is done only once.
        prepare = cache(lambda: self._prepare(flow_id, request, cause))

        def decide(known: Build | None) -> Decision[Build]:
            if known and known.state is not BuildState.REQUESTED:
                return already_done(f"the build is {known.state}")
            return prepare()(known or self._new(flow_id, request))

        return self.records.change(flow_id, cause, decide)

    def _new(self, flow_id: str, request: BuildRequested) -> Build:
        return build.request(flow_id, request.change, self.clock(), request.attempt).record

    def _prepare(
        self, flow_id: str, request: BuildRequested, cause: Cause
    ) -> Callable[[Build], Decision[Build]]:
        try:
            plan = self._plan(flow_id, request.change, cause)
        except OvertakenError as error:
            overtaken = str(error)
            return lambda known: build.overtake(known, overtaken)
        except SkippedError as error:
            asked = str(error)
            return lambda known: build.skip(known, asked)
        except BuildError as error:
            reason = str(error)
            return lambda known: build.fail(known, reason)
        stored = self.plans.store(plan)
        return lambda known: build.begin(known, plan, stored, self.proofs, self.clock())

    def _plan(self, flow_id: str, change: Change, cause: Cause) -> Plan:
        draft = self.planner.draft(flow_id, change)
        return self._with_known(self.keep_order(draft.plan, draft.head, cause))

    def _with_known(self, plan: Plan) -> Plan:
        """The plan with what earlier flows have built, unless a fresh one was asked for."""
        if plan.change.fresh:
            return with_known_artifacts(plan, {})
        keys = [
            artifact_memo_key(plan.change, component)
            for component in plan.components
            if component.build
        ]
        return with_known_artifacts(plan, self.artifacts.recall(plan.trust, keys))
