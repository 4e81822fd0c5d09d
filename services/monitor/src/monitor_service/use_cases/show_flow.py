"""Show one flow, with everything that is known of it."""

from dataclasses import dataclass

from monitor_service.domain.errors import NoSuchFlowError
from monitor_service.domain.facts import FlowFacts, facts_of
from monitor_service.domain.folding import fold
from monitor_service.domain.ports import FactStore, PlanSource
from monitor_service.domain.view import FlowView
from penstock_shared.contracts.plan import Plan


@dataclass(frozen=True)
class ShowFlow:
    """Reads a flow's facts and its plan, and folds them."""

    store: FactStore
    plans: PlanSource

    def __call__(self, flow_id: str) -> FlowView:
        """The flow of that id. Raises NoSuchFlowError."""
        facts = facts_of(flow_id, self.store.facts(flow_id))
        view = fold(facts, self._plan_of(facts))
        if view is None:
            raise NoSuchFlowError(f"no such flow: {flow_id}")
        return view

    def _plan_of(self, facts: FlowFacts) -> Plan | None:
        return self.plans.plan(facts.about.plan) if facts.about else None
