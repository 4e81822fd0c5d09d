"""Invoked by the worker: reads source and `penstock.yml`, which strangers wrote, and drafts a plan.

Requests may hold secrets, so neither they nor their parts are logged.
"""

from typing import Any

from build_service import bootstrap
from build_service.bootstrap import SERVICE
from build_service.domain.drafting import PlanRequest


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """A PlanRequest as JSON in, a PlanAnswer as JSON out."""
    request = PlanRequest.model_validate(event, strict=False)
    with SERVICE.telemetry.message("plan", request.flow_id) as span:
        answer = bootstrap.draft_plan()(request)
        span.outcome("refused" if answer.refusal else "planned", answer.refusal)
    return answer.model_dump(mode="json")
