"""Tells what a push of a commit would do, without a flow."""

from dataclasses import dataclass

from build_service.domain.build import Build
from build_service.domain.comparing import preview_of
from build_service.domain.errors import BuildError, OvertakenError, SourceUnavailableError
from build_service.domain.planning import artifact_memo_key, with_known_artifacts
from build_service.use_cases.registered_planner import RegisteredPlanner
from penstock_shared.clock import Clock
from penstock_shared.contracts.change import Change
from penstock_shared.contracts.plan import Plan
from penstock_shared.contracts.preview import PreviewAnswer, PreviewRequest
from penstock_shared.identifiers import run_id_for
from penstock_shared.persistence.memo import Memo
from penstock_shared.persistence.outbox import Records
from penstock_shared.plans import Plans


@dataclass(frozen=True)
class PreviewPlan:
    """Plans as a flow would. It changes nothing but the snapshots that are stored."""

    records: Records[Build]
    planner: RegisteredPlanner
    plans: Plans
    artifacts: Memo
    clock: Clock

    def __call__(self, request: PreviewRequest) -> PreviewAnswer:
        """What a flow would do, or why there would be none."""
        try:
            plan = self._plan(request)
        except (BuildError, OvertakenError, SourceUnavailableError) as error:
            return PreviewAnswer(refusal=str(error))
        return preview_of(plan, self._since(request))

    def _plan(self, request: PreviewRequest) -> Plan:
        forge, name = request.forge, request.full_name
        change = Change(
            forge=forge,
            repository=name,
            ref=request.ref,
            before=request.sha,
            sha=request.sha,
            clone_url="",
            pushed_at=self.clock(),
        )
        flow_id = run_id_for(forge, name, request.ref, request.sha, "preview")
        plan = self.planner.draft(flow_id, change).plan
        keys = [
            artifact_memo_key(plan.change, component)
            for component in plan.components
            if component.build
        ]
        return with_known_artifacts(plan, self.artifacts.recall(plan.trust, keys))

    def _since(self, request: PreviewRequest) -> Plan | None:
        """The plan of the flow to compare with, if it is the same repository's."""
        known = self.records.get(request.since) if request.since else None
        if known is None or known.plan is None or known.change is None:
            return None
        named = (known.change.forge, known.change.repository)
        is_of_it = named == (request.forge, request.full_name)
        return self.plans.load(known.plan) if is_of_it else None
