"""`POST /webhook/<repository>`: answers within a second. The work is done behind the queue."""

import json
from base64 import b64decode
from collections.abc import Sequence
from typing import Any

from build_service import bootstrap
from build_service.domain.delivery import Ignored
from build_service.domain.errors import WebhookError
from build_service.use_cases.receive_push import Received
from build_service.use_cases.starting import Cancelled, Held, ReceivedPush


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """An HTTP API event (payload 2.0) in, its response out."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    with bootstrap.SERVICE.telemetry.message("webhook", "") as span:
        try:
            received = bootstrap.receive_push()(_repository(event), _body(event), headers)
        except WebhookError as error:
            span.outcome(f"answered {error.status}", str(error))
            return _answer(error.status, {"error": str(error)})
        span.outcome("accepted")
        return _answer(202, _accepted(received))


def _repository(event: dict[str, Any]) -> str:
    """The id of the repository, from the path."""
    return str((event.get("pathParameters") or {}).get("repository", ""))


def _body(event: dict[str, Any]) -> bytes:
    """The body that was sent. Raises WebhookError if the gateway's encoding is broken."""
    body = event.get("body") or ""
    try:
        if event.get("isBase64Encoded"):
            return b64decode(body)
        return str(body).encode(errors="surrogatepass")
    except ValueError as error:
        raise WebhookError(400, f"the body cannot be decoded: {error}") from error


def _accepted(received: Sequence[Received]) -> dict[str, Any]:
    """The answer to what a delivery says; several things are listed."""
    answers = [_told(one) for one in received]
    return answers[0] if len(answers) == 1 else {"changes": answers}


def _told(received: Received) -> dict[str, Any]:
    match received:
        case Ignored(reason):
            return {"status": "ignored", "reason": reason}
        case Held(reason):
            return {"status": "waiting", "reason": reason}
        case Cancelled(reason, flow_id):
            flow = {"flow_id": flow_id} if flow_id else {}
            return {**flow, "status": "closed", "reason": reason}
        case ReceivedPush():
            return _flow(received)


def _flow(received: ReceivedPush) -> dict[str, Any]:
    if received.stopped:
        status = "stopped before it began"
        return {"flow_id": received.flow_id, "status": status, "reason": received.stopped}
    status = "started" if received.started else "already started"
    return {"flow_id": received.flow_id, "status": status}


def _answer(status: int, body: dict[str, Any]) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json"},
        "body": json.dumps(body),
    }
