"""Invoked by people: tells what a push of a commit would do, and why a gate ran."""

from typing import Any

from pydantic import ValidationError

from build_service import bootstrap
from build_service.bootstrap import SERVICE
from penstock_shared.contracts.preview import (
    GateAnswer,
    GateQuestion,
    PreviewAnswer,
    PreviewRequest,
)


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """A PreviewRequest or a GateQuestion as JSON in, its answer as JSON out."""
    with SERVICE.telemetry.message("preview", "") as span:
        answer = _answer(event)
        span.outcome("refused" if answer.refusal else "told", answer.refusal)
    return answer.model_dump(mode="json", exclude_none=True)


def _answer(event: dict[str, Any]) -> PreviewAnswer | GateAnswer:
    try:
        if "gate" in event:
            return bootstrap.explain_gate()(GateQuestion.model_validate(event, strict=False))
        request = PreviewRequest.model_validate(event, strict=False)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        return PreviewAnswer(refusal=f"{field}: {first['msg']}")
    return bootstrap.preview_plan()(request)
