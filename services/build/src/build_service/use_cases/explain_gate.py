"""Tells which input of a gate differs between two flows."""

from dataclasses import dataclass

from build_service.domain.build import Build
from build_service.domain.comparing import gate_differences
from build_service.domain.errors import BuildError
from penstock_shared.contracts.plan import Plan, PlannedGate
from penstock_shared.contracts.preview import GateAnswer, GateQuestion
from penstock_shared.persistence.outbox import Records
from penstock_shared.plans import Plans


@dataclass(frozen=True)
class ExplainGate:
    """Compares a gate in the stored plans of two flows of one repository."""

    records: Records[Build]
    plans: Plans

    def __call__(self, question: GateQuestion) -> GateAnswer:
        """What differs, or why that cannot be told."""
        try:
            plan = self._plan(question.flow_id)
            since = _same_repository(plan, self._plan(question.since))
            gate, before = _gate(plan, question.gate), _gate(since, question.gate)
        except BuildError as error:
            return GateAnswer(refusal=str(error))
        return GateAnswer(differs=tuple(gate_differences(plan, gate, since, before)))

    def _plan(self, flow_id: str) -> Plan:
        known = self.records.get(flow_id)
        if known is None or known.plan is None:
            raise BuildError(f"flow {flow_id} has no plan, or is older than what is kept")
        return self.plans.load(known.plan)


def _same_repository(plan: Plan, since: Plan) -> Plan:
    repositories = {(each.change.forge, each.change.repository) for each in (plan, since)}
    if len(repositories) > 1:
        raise BuildError(f"flow {since.flow_id} is of another repository")
    return since


def _gate(plan: Plan, label: str) -> PlannedGate:
    found = next((gate for gate in plan.gates if gate.label == label), None)
    if found is None:
        raise BuildError(f"flow {plan.flow_id} has no gate {label}")
    return found
