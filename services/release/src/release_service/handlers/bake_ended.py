"""The state machine calls this function when a bake's wait is over."""

from typing import Any

from release_service import bootstrap


def handler(event: dict[str, Any], _context: Any) -> dict[str, str]:
    """Takes `{"flow_id": ...}`; returns the outcome for the execution's history."""
    flow_id = str(event["flow_id"])
    with bootstrap.SERVICE.telemetry.message("bake-ended", flow_id) as span:
        outcome = bootstrap.end_bake()(flow_id)
        span.outcome(outcome.result, outcome.reason)
    return {"flow_id": flow_id, "result": str(outcome.result), "reason": outcome.reason}
