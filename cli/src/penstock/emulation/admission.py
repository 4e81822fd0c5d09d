"""Decides who may talk to the emulator, before any handler of it sees a request.

The emulator answers every host, every origin and every key: any web page, and any user of the
machine, could use it as its owner. Here a request must name this machine, must not come from a
page of another origin, and must be signed with the stack's key. A few paths need no signature,
because a browser or a delivery comes without one. Those ask for a process of the same user.
"""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from xml.sax.saxutils import escape

from penstock.emulation.kinds import App, Scope
from penstock.emulation.signatures import Headers, Receive, SignatureError, Signatures

Send = Callable[[Any], Awaitable[None]]

_NAMES = (b"127.0.0.1", b"localhost", b"[::1]")
# The hosts and paths of the emulator's HTTP APIs: ministack.app._parse_execute_api_url.
_API_HOST = re.compile(rb"([a-f0-9]{8})\.execute-api\.localhost")
_API = "/_aws/execute-api/"
_API_PATH = re.compile(rf"{_API}[a-z0-9]+/.*", re.DOTALL)
# On AWS these are presigned addresses: whoever has the token in the path may use them.
_SIGNALS = ("/_ministack/cfn-response/", "/_ministack/cfn-signal/")
_READY = "/_ministack/ready"
_FORM = b"application/x-www-form-urlencoded"
_CORS = b"access-control-"


class NotAdmittedError(Exception):
    """The request goes no further. The text says why, and what would be let through."""


@dataclass(frozen=True)
class Admission:
    """Lets requests through to `app`. `may_speak` tells whether the process at the other end of a
    connection may send requests without a signature.
    """

    app: App
    port: int
    signatures: Signatures
    may_speak: Callable[[Scope], bool]

    @cached_property
    def _hosts(self) -> frozenset[bytes]:
        return frozenset(b"%s:%d" % (name, self.port) for name in _NAMES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = _headers_of(scope)
        try:
            if headers.get(b"host") not in self._hosts:
                scope = self._at_its_path(scope, headers)
            _refuse_other_origins(scope, headers)
            signed = await self.signatures.checked(scope, headers, receive)
            if not signed:
                self._refuse_without_key(scope)
        except (NotAdmittedError, SignatureError) as error:
            await _refuse(send, headers, error)
        else:
            await self.app(scope, signed or receive, _without_cors(send))

    def _at_its_path(self, scope: Scope, headers: Headers) -> Scope:
        """The request to an API by the API's own host, as ministack's path of that API has it.

        No other handler knows such a path. Raises NotAdmittedError for all other hosts: a page may
        give its own name the address of this machine after it was loaded.
        """
        host = headers.get(b"host", b"").lower()
        name, _, port = host.rpartition(b":")
        api = _API_HOST.fullmatch(name)
        if not api or port != b"%d" % self.port:
            raise NotAdmittedError(f"this is not {host.decode('latin-1')[:100] or 'a host'}")
        prefix = f"{_API}{api[1].decode()}"
        others = [header for header in scope["headers"] if header[0] != b"host"]
        return {
            **scope,
            "path": f"{prefix}{scope['path']}",
            "raw_path": prefix.encode() + scope["raw_path"],
            "headers": [(b"host", b"%s:%s" % (_NAMES[0], port)), *others],
        }

    def _refuse_without_key(self, scope: Scope) -> None:
        if not _needs_no_key(scope):
            raise NotAdmittedError(
                "this needs a signature with the stack's key; stack.json in the stack's home has "
                "it, as access_key_id and secret_access_key"
            )
        if not self.may_speak(scope):
            raise NotAdmittedError("this stack belongs to another user of this machine")


def _headers_of(scope: Scope) -> Headers:
    """The headers by name. One that comes twice is joined by a comma: no second one is unseen."""
    headers: dict[bytes, bytes] = dict(scope["headers"])
    if len(headers) != len(scope["headers"]):
        headers = {}
        for name, value in scope["headers"]:
            headers[name] = b"%s, %s" % (headers[name], value) if name in headers else value
    return headers


def _refuse_other_origins(scope: Scope, headers: Headers) -> None:
    """Raise NotAdmittedError for what a page of another origin sends. A link may be followed.

    Browsers set these headers, and no page can change them: https://www.w3.org/TR/fetch-metadata/
    """
    origin = headers.get(b"origin")
    if origin is not None and origin != b"http://" + headers.get(b"host", b""):
        shown = origin.decode("latin-1")[:100]
        raise NotAdmittedError(f"a page of {shown} may not send requests to this stack")
    site = headers.get(b"sec-fetch-site", b"none")
    if site in {b"none", b"same-origin"}:
        return
    how = (headers.get(b"sec-fetch-mode"), headers.get(b"sec-fetch-dest"), scope["method"])
    if how != (b"navigate", b"document", "GET"):
        raise NotAdmittedError("a page of another origin may not send requests to this stack")


def _needs_no_key(scope: Scope) -> bool:
    path, method = scope["path"], scope["method"]
    if method == "PUT" and path.startswith(_SIGNALS):
        return True
    return (method == "GET" and path == _READY) or bool(_API_PATH.fullmatch(path))


def _without_cors(send: Send) -> Send:
    async def sending(message: Any) -> None:
        if message["type"] == "http.response.start":
            kept = [each for each in message["headers"] if each[0][:15].lower() != _CORS]
            message = {**message, "headers": kept}
        await send(message)

    return sending


async def _refuse(send: Send, headers: Headers, error: Exception) -> None:
    """Answer 403, in the form of AWS's errors: S3 and services that take forms speak XML."""
    code = "SignatureDoesNotMatch" if isinstance(error, SignatureError) else "AccessDenied"
    form = headers.get(b"content-type", b"").startswith(_FORM)
    if form or b"/s3/" in headers.get(b"authorization", b""):
        kind, body = b"text/xml", _in_xml(code, str(error))
    else:
        kind, body = b"application/json", json.dumps({"__type": code, "message": str(error)})
    content = body.encode()
    length = str(len(content)).encode()
    # Whoever is refused may have sent a body that nobody has read.
    head = [(b"content-type", kind), (b"content-length", length), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 403, "headers": head})
    await send({"type": "http.response.body", "body": content})


def _in_xml(code: str, text: str) -> str:
    error = f"<Error><Code>{code}</Code><Message>{escape(text)}</Message></Error>"
    return f"<ErrorResponse>{error}</ErrorResponse>"
