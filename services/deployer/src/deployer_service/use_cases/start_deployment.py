"""A flow may go on to an environment: deploy it there, in its turn."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from deployer_service.domain import flow as flows
from deployer_service.domain.deployment.deadlines import stand_in_line
from deployer_service.domain.deployment.making import new_deployment
from deployer_service.domain.deployment.model import Deployment
from deployer_service.domain.flow import Flow, destinations_of, flow_key
from deployer_service.use_cases.ledger import Ledger
from penstock_shared.contracts.change import Intent, Trust
from penstock_shared.contracts.event import Event
from penstock_shared.contracts.events import FlowRef, Phase, ReleasePromoted, TestsPassed
from penstock_shared.contracts.plan import ObjectRef, Plan
from penstock_shared.decisions import Cause, Decision, Outcome, Refusal, Result, already_done
from penstock_shared.errors import RefusedMessageError


@dataclass(frozen=True)
class StartDeployment:
    """Turns a verdict, or a promotion, into a deployment to `phase`: of STAGING, to production
    where the release has no staging. `load_plan` raises RefusedMessageError for an object that is
    not the plan that was meant.
    """

    ledger: Ledger
    load_plan: Callable[[ObjectRef], Plan]
    phase: Phase

    def __call__(
        self, event: Event[TestsPassed] | Event[ReleasePromoted], cause: Cause
    ) -> Outcome[Any]:
        """Deploy what the flow planned, once its environment is free for it."""
        flow_id, flow, phase = event.subject, event.data.flow, self.phase
        if flow.intent is not Intent.RELEASE:
            return Outcome(Result.ALREADY_DONE, None, f"a flow for {flow.intent} deploys nothing")
        if flow.trust is not Trust.RELEASE:
            reason = f"a flow of trust {flow.trust} may not deploy; run it again"
            return self._refuse(flow_id, phase, reason, cause)
        try:
            plan = self.load_plan(flow.plan)
        except RefusedMessageError as error:
            return self._refuse(flow_id, phase, str(error), cause)
        destinations = destinations_of(plan)
        if not destinations:
            return Outcome(Result.ALREADY_DONE, None, "its plan has no release")
        destination = destinations[0 if phase is Phase.STAGING else -1]
        now = self.ledger.clock()
        deployment = new_deployment(flow_id, flow, plan, destination, cause, now)
        set_out = self._set_out(flow_id, flow, plan, phase, cause)
        if set_out.result is Result.STALE:
            # Had this message come before the stop, and died with a claim on the environment?
            self.ledger.follow_up(self.ledger.deployments.resume(deployment.id), cause)
            return set_out
        return self._create(deployment, cause)

    def _set_out(
        self, flow_id: str, flow: FlowRef, plan: Plan, phase: Phase, cause: Cause
    ) -> Outcome[Flow]:
        return self.ledger.flows.change(
            flow_key(flow_id),
            cause,
            lambda known: flows.set_out(known, flow_id, flow, destinations_of(plan)),
            expect_new=phase is Phase.STAGING,
        )

    def _create(self, deployment: Deployment, cause: Cause) -> Outcome[Deployment]:
        """Claim first, then create: most deployments need not wait, and save a write."""
        place = self.ledger.claim(deployment, cause)

        def decide(known: Deployment | None) -> Decision[Deployment]:
            if known:
                return already_done(f"the deployment is {known.state}")
            decision = self.ledger.decided(deployment, place)
            if isinstance(decision, Refusal):
                return stand_in_line(deployment, self.ledger.clock())
            return decision

        outcome = self.ledger.deployments.change(deployment.id, cause, decide, expect_new=True)
        self.ledger.follow_up(outcome.record, cause)
        return outcome

    def _refuse(self, flow_id: str, phase: Phase, reason: str, cause: Cause) -> Outcome[Flow]:
        return self.ledger.flows.change(
            flow_key(flow_id),
            cause,
            lambda known: flows.refuse_plan(known, flow_id, phase, reason, self.ledger.clock()),
        )
