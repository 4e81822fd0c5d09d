"""Checks the signatures of requests: AWS Signature Version 4, in a header or in an address.

ministack reads the id of a key and believes it. The id is no secret: each presigned address has it.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hmac
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs

from penstock.emulation.kinds import Scope

Receive = Callable[[], Awaitable[Any]]
Headers = Mapping[bytes, bytes]

LONGEST_BODY = 128 << 20
"""Bytes of a body that are read before the signature, which covers them, is known to be right."""

_DAY_KEYS = 100
"""Keys of days, regions and services to remember."""
_SCHEME = b"AWS4-HMAC-SHA256 "
_CREDENTIAL = "X-Amz-Credential"
# S3's clients send the digest of the body in a header, and that is what they sign.
_DIGEST = b"x-amz-content-sha256"
_USUAL = re.compile(
    rb"AWS4-HMAC-SHA256 Credential=(\d{12})/((\d{8})/([^/ ,]+)/([^/ ,]+)/aws4_request), ?"
    rb"SignedHeaders=([^ ,=]+), ?Signature=([0-9a-f]{64})"
)
_PLAIN_PATH = re.compile(rb"[A-Za-z0-9/_~-]*")


class SignatureError(Exception):
    """The request is not signed with a key of this stack."""


@dataclass(frozen=True)
class Signatures:
    """Checks signatures. `secret_of` returns the secret of a key by its id and session token, or
    None.

    A usual signature takes 10 microseconds. ministack, which knows all forms, takes 50.
    """

    secret_of: Callable[[str, str], str | None]
    _day_keys: dict[bytes, bytes] = field(default_factory=dict)

    async def checked(self, scope: Scope, headers: Headers, receive: Receive) -> Receive | None:
        """Where to receive the body from, if the signature is right; None without a signature.

        Raises SignatureError.
        """
        authorization = headers.get(b"authorization", b"")
        if not authorization.startswith(_SCHEME):
            query = _query_of(scope)
            if _CREDENTIAL not in query:
                return None
            self._check_any(scope, headers, query, b"", presigned=True)
            _check_lifetime(query)
            return receive
        body = b""
        if _DIGEST not in headers:
            body, receive = await _read_ahead(receive)
        if not self._is_right(scope, headers, body, _USUAL.fullmatch(authorization)):
            self._check_any(scope, headers, _query_of(scope), body, presigned=False)
        return receive

    def _is_right(
        self, scope: Scope, headers: Headers, body: bytes, parts: re.Match[bytes] | None
    ) -> bool:
        """Whether it is a signature of the usual form, and right. Of others the answer is False."""
        path = scope["raw_path"]
        if not parts or scope["query_string"] or not _PLAIN_PATH.fullmatch(path):
            return False
        key_id, of_key, *place, names, signature = parts.groups()
        now = headers.get(b"x-amz-date", b"")
        if not now.startswith(place[0]):
            return False
        lines = [b"%s:%s\n" % (name, headers.get(name, b"").strip()) for name in names.split(b";")]
        digest = headers.get(_DIGEST) or sha256(body).hexdigest().encode()
        canonical = b"%s\n%s\n\n%s\n%s\n%s" % (
            scope["method"].encode(), path, b"".join(lines), names, digest,
        )  # fmt: skip
        hashed = sha256(canonical).hexdigest().encode()
        text = b"%s\n%s\n%s\n%s" % (_SCHEME.strip(), now, of_key, hashed)
        key = self._day_keys.get(of_key) or self._day_key(key_id, of_key, place)
        return hmac.compare_digest(hmac.digest(key, text, "sha256").hex(), signature.decode())

    def _day_key(self, key_id: bytes, of_key: bytes, place: list[bytes]) -> bytes:
        """The key of a day, region and service; all accounts have the same secret."""
        key = f"AWS4{self.secret_of(key_id.decode(), '')}".encode()
        for part in (*place, b"aws4_request"):
            key = hmac.digest(key, part, "sha256")
        if len(self._day_keys) > _DAY_KEYS:
            self._day_keys.clear()
        self._day_keys[of_key] = key
        return key

    def _check_any(
        self,
        scope: Scope,
        headers: Headers,
        query: Mapping[str, list[str]],
        body: bytes,
        *,
        presigned: bool,
    ) -> None:
        """Raise SignatureError unless the signature, of whatever form, is right."""
        from ministack.core import sigv4

        texts = {name.decode("latin-1"): _text(value) for name, value in headers.items()}
        parse = sigv4.parse_query_signature if presigned else sigv4.parse_header_signature
        found = parse(query if presigned else texts)
        if isinstance(found, tuple):
            raise SignatureError(found[1])
        token = texts.get("x-amz-security-token") or query.get("X-Amz-Security-Token", [""])[0]
        secret = self.secret_of(found.access_key_id, token)
        if secret is None:
            raise SignatureError(f"{found.access_key_id[:40]} is no key of this stack")
        path = scope["raw_path"].decode("latin-1")
        wrong = sigv4.header_signature_failure(
            found, secret, scope["method"], path, query, texts, body, presigned=presigned
        )
        if wrong:
            raise SignatureError(f"{wrong[1]} The stack's key is in stack.json, in its home.")


def _query_of(scope: Scope) -> dict[str, list[str]]:
    raw = scope["query_string"]
    return parse_qs(raw.decode("latin-1"), keep_blank_values=True) if raw else {}


def _text(value: bytes) -> str:
    """A header as ministack reads it."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _check_lifetime(query: Mapping[str, list[str]]) -> None:
    """Raise SignatureError where a presigned address is past its time."""
    from ministack.core import sigv4

    try:
        expired = sigv4.presigned_request_is_expired(
            query["X-Amz-Date"][0], query["X-Amz-Expires"][0]
        )
    except (KeyError, ValueError) as error:
        raise SignatureError("a presigned address says until when it is valid") from error
    if expired:
        raise SignatureError("the address has expired")


async def _read_ahead(receive: Receive) -> tuple[bytes, Receive]:
    """The whole body, and where to receive it from again. Raises SignatureError."""
    messages: list[Any] = []
    size = 0
    while not messages or messages[-1].get("more_body"):
        messages.append(await receive())
        size += len(messages[-1].get("body", b""))
        if size > LONGEST_BODY:
            raise SignatureError(f"so long a body must come with {_DIGEST.decode()}")
    rest = iter(messages)

    async def again() -> Any:
        return next(rest, None) or await receive()

    if len(messages) == 1:
        return messages[0].get("body", b""), again
    return b"".join(message.get("body", b"") for message in messages), again
