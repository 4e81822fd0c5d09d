"""What the state machine calls when a bake's wait is over."""

from typing import Any

from release_service import bootstrap


def handler(event: dict[str, Any], _context: Any) -> dict[str, str]:
    """`{"flow_id": ...}` in; what became of it out, for the execution's history."""
    flow_id = str(event["flow_id"])
    with bootstrap.SERVICE.telemetry.message("bake-ended", flow_id) as span:
        outcome = bootstrap.end_bake()(flow_id)
        span.outcome(outcome.result, outcome.reason)
    return {"flow_id": flow_id, "result": str(outcome.result), "reason": outcome.reason}
