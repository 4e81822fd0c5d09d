"""Counts the AWS calls that reach the emulator, by service and operation.

The emulator's launcher wraps its ASGI application in this when the environment variable
`PENSTOCK_COUNT_CALLS` names this file; see docs/bench.md. It runs in the emulator's environment,
so it imports only the standard library. `PUT /_penstock/calls` starts counting. `DELETE` stops it
and answers the counts: `{"calls": {"sqs:SendMessage": 12, ...}, "largest": {"item": 812, "message":
1544}}`, with the bytes of the largest item and message that were written. Only while it counts,
each call is a little slower.

The emulator's own records are not enough: its access log has no operations, and its CloudTrail
misses the operations of SNS, which are in the body, and those of presigned addresses of S3.
"""

import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qs

CALLS_PATH = "/_penstock/calls"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

_CREDENTIAL_SCOPE = re.compile(r"Credential=[^/,]+/\d+/[^/]+/([a-z0-9-]+)/aws4_request")
_WEIGHED = re.compile(r"\.(PutItem|SendMessage|SendMessageBatch)$")
_RPC_PATH = re.compile(r"/service/[^/]+/operation/(\w+)")

# The operations of services whose requests do not name them, by service, method and path. The first
# match counts.
_REST = (
    ("lambda", "POST", re.compile(r"/invocations$"), "Invoke"),
    ("lambda", "POST", re.compile(r"/functions$"), "CreateFunction"),
    ("lambda", "PUT", re.compile(r"/code$"), "UpdateFunctionCode"),
    ("lambda", "PUT", re.compile(r"/configuration$"), "UpdateFunctionConfiguration"),
    ("lambda", "POST", re.compile(r"/versions$"), "PublishVersion"),
    ("lambda", "POST", re.compile(r"/aliases$"), "CreateAlias"),
    ("lambda", "PUT", re.compile(r"/aliases/[^/]+$"), "UpdateAlias"),
    ("lambda", "GET", re.compile(r"/functions/[^/]+(/configuration)?$"), "GetFunction"),
    ("scheduler", "POST", re.compile(r"/schedules/"), "CreateSchedule"),
    ("scheduler", "DELETE", re.compile(r"/schedules/"), "DeleteSchedule"),
    ("s3", "PUT", re.compile(r"^/[^/]+/."), "PutObject"),
    ("s3", "GET", re.compile(r"^/[^/]+/."), "GetObject"),
    ("s3", "HEAD", re.compile(r"^/[^/]+/."), "HeadObject"),
    ("s3", "DELETE", re.compile(r"^/[^/]+/."), "DeleteObject"),
    ("s3", "POST", re.compile(r"^/[^/]+/."), "MultipartUpload"),
    ("s3", "PUT", re.compile(r"^/[^/]+/?$"), "CreateBucket"),
    ("s3", "GET", re.compile(r"^/[^/]+/?$"), "ListObjects"),
    ("s3", "POST", re.compile(r"^/[^/]+/?$"), "DeleteObjects"),
    ("s3", "HEAD", re.compile(r"^/[^/]+/?$"), "HeadBucket"),
)


def wrap(application: Application) -> Application:
    """Return the application with a counter around it."""
    return CallCounter(application)


class CallCounter:
    """An ASGI application that counts what it passes on."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._calls: Counter[str] | None = None
        self._largest: dict[str, int] = {}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass one connection on, or answer with the counts."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
        elif scope["path"] == CALLS_PATH:
            await self._answer(send)
            self._calls = Counter() if scope["method"] == "PUT" else None
            self._largest = {"item": 0, "message": 0}
        elif self._calls is None:
            await self._application(scope, receive, send)
        else:
            await self._counted(self._calls, scope, receive, send)

    async def _counted(
        self, calls: Counter[str], scope: Message, receive: Receive, send: Send
    ) -> None:
        """Count a request when it has ended, because only then its whole body was read."""
        body = bytearray()

        async def receive_and_keep() -> Message:
            message = await receive()
            if _is_form(scope) or _is_weighed(scope):
                body.extend(message.get("body", b""))
            return message

        try:
            await self._application(scope, receive_and_keep, send)
        finally:
            call = name_of(scope, bytes(body))
            if call:
                calls[call] += 1
            for kind, size in weights(call, bytes(body)):
                self._largest[kind] = max(self._largest[kind], size)

    async def _answer(self, send: Send) -> None:
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        counts = {"calls": self._calls or {}, "largest": self._largest}
        await send({"type": "http.response.body", "body": json.dumps(counts).encode()})


def name_of(scope: Message, body: bytes) -> str:
    """Return `service:Operation`, or an empty text for a request that is not an AWS call.

    AWS calls are signed, and the scope of the signature names the service.
    """
    headers = _headers(scope)
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    service = _service(headers, query)
    return f"{service}:{_operation(service, scope, headers, query, body)}" if service else ""


def weights(call: str, body: bytes) -> Iterator[tuple[str, int]]:
    """The items and messages that a call writes: which of the two, and its bytes."""
    if call == "dynamodb:PutItem":
        yield "item", len(json.dumps(json.loads(body)["Item"], ensure_ascii=False).encode())
    elif call == "sqs:SendMessage":
        yield "message", len(json.loads(body)["MessageBody"].encode())
    elif call == "sqs:SendMessageBatch":
        for entry in json.loads(body)["Entries"]:
            yield "message", len(entry["MessageBody"].encode())
    elif call == "sns:Publish":
        yield "message", len(parse_qs(body.decode()).get("Message", [""])[0].encode())


def _service(headers: Mapping[str, str], query: Mapping[str, list[str]]) -> str:
    signed = _CREDENTIAL_SCOPE.search(headers.get("authorization", ""))
    if signed:
        return signed[1]
    # Penstock presigns only addresses of S3.
    return "s3" if "X-Amz-Credential" in query else ""


def _operation(
    service: str,
    scope: Message,
    headers: Mapping[str, str],
    query: Mapping[str, list[str]],
    body: bytes,
) -> str:
    """Read the operation from where the service's protocol has it."""
    if "x-amz-target" in headers:
        return headers["x-amz-target"].rpartition(".")[2]
    if rpc := _RPC_PATH.search(scope["path"]):
        return rpc[1]
    if action := query.get("Action") or parse_qs(body.decode("latin-1")).get("Action"):
        return action[0]
    return _rest_operation(service, scope["method"], scope["path"])


def _rest_operation(service: str, method: str, path: str) -> str:
    for of_service, of_method, pattern, operation in _REST:
        if (of_service, of_method) == (service, method) and pattern.search(path):
            return operation
    return method


def _is_form(scope: Message) -> bool:
    return _headers(scope).get("content-type", "").startswith("application/x-www-form-urlencoded")


def _is_weighed(scope: Message) -> bool:
    return bool(_WEIGHED.search(_headers(scope).get("x-amz-target", "")))


def _headers(scope: Message) -> dict[str, str]:
    return {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
    }
