"""Calls a forge's JSON API, and says in one way why a call was not taken."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any

import urllib3

from answers_service.domain.errors import NotToldError, TellLaterError
from penstock_shared.clock import Clock, utc_now
from penstock_shared.printable import one_line
from penstock_shared.proxies import proxy_for

CONNECT_SECONDS = 3.0
READ_SECONDS = 8.0
LARGEST_ANSWER = 2 * 1024 * 1024
"""Bytes. A page of 100 comments is the largest answer that is read."""
SECONDARY_PAUSE = 60.0
"""Seconds. GitHub asks for a minute if a secondary limit names no time.
https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api"""
LONGEST_PAUSE = 6 * 3600.0
"""Seconds. A forge that asks for more is asked again after this."""
_LONGEST_REASON = 300
_AGENT = "penstock"
"""GitHub refuses calls of nobody."""
_LATER = frozenset({408, 425, 429})


@dataclass(frozen=True)
class Answered:
    """What a forge answered. `json` is None where it answered with no body."""

    status: int
    json: Any


@dataclass
class JsonApi:
    """The API at `base`, called with these headers, one of which authenticates.

    It goes nowhere else: redirects are not followed, so the token is sent to its own forge only.
    After an answer that asks for a pause, no call is made until then.
    """

    base: str
    headers: Mapping[str, str] = field(repr=False)
    clock: Clock = utc_now
    _paused_until: float = 0.0

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answered:
        """The answer to a call that the API has taken.

        Raises TellLaterError if it may be taken later, and NotToldError if it is refused.
        """
        self._refuse_while_paused()
        status, headers, content = self._ask(method, path, body)
        if 200 <= status < 300:
            return Answered(status, self._json(method, path, content))
        pause = pause_of(status, headers, content, self.clock())
        if pause is not None:
            self._paused_until = self.clock().timestamp() + pause
            raise TellLaterError(f"{self.base} asks for a pause of {pause:.0f} s", pause)
        reason = f"{self.base} answered {method} {path} with {status}{_message_in(content)}"
        if status >= 500 or status in _LATER:
            raise TellLaterError(reason)
        raise NotToldError(f"{reason}{_advice(status)}", status)

    def _refuse_while_paused(self) -> None:
        left = self._paused_until - self.clock().timestamp()
        if left > 0:
            raise TellLaterError(
                f"{self.base} asked for a pause, of which {left:.0f} s are left", left
            )

    def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        text = None if body is None else json.dumps(body).encode()
        content_type = {"Content-Type": "application/json"} if text else {}
        headers = {"User-Agent": _AGENT, **self.headers, **content_type}
        try:
            response = self._pool.request(
                method,
                f"{self.base}{path}",
                body=text,
                headers=headers,
                redirect=False,
                retries=False,
                preload_content=False,
            )
            try:
                content = response.read(LARGEST_ANSWER + 1, decode_content=True)
            finally:
                response.release_conn()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise TellLaterError(f"{self.base} cannot be reached: {_kind_of(error)}") from error
        return response.status, response.headers, content

    def _json(self, method: str, path: str, content: bytes) -> Any:
        if len(content) > LARGEST_ANSWER:
            raise NotToldError(f"{self.base} answered {method} {path} with too much")
        try:
            return json.loads(content) if content.strip() else None
        except ValueError as error:
            raise TellLaterError(f"{self.base} answered {method} {path} with no JSON") from error

    @cached_property
    def _pool(self) -> urllib3.PoolManager:
        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
        proxy = proxy_for(self.base)
        make: Callable[..., urllib3.PoolManager] = (
            (lambda **options: urllib3.ProxyManager(proxy, **options))
            if proxy
            else urllib3.PoolManager
        )
        return make(timeout=timeout, num_pools=2)


def pause_of(
    status: int, headers: Mapping[str, str], content: bytes, now: datetime
) -> float | None:
    """The seconds for which a forge asks not to be called; None if it does not ask.

    GitHub and Gitea answer 403 or 429 with `Retry-After`, or with `X-RateLimit-Remaining: 0` and
    the epoch second `X-RateLimit-Reset`; GitLab answers 429 with `Retry-After`, and
    `RateLimit-Reset`. Sources: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
    and https://docs.gitlab.com/administration/settings/user_and_ip_rate_limits/
    """
    if status not in {403, 429, 503}:
        return None
    pause = _seconds(headers.get("Retry-After", ""), now)
    if pause is None and (status == 429 or headers.get("X-RateLimit-Remaining") == "0"):
        reset = headers.get("X-RateLimit-Reset") or headers.get("RateLimit-Reset") or ""
        pause = float(reset) - now.timestamp() if reset.isdecimal() else None
    if pause is None and status != 503 and (status == 429 or b"secondary rate limit" in content):
        pause = SECONDARY_PAUSE
    return None if pause is None else min(max(pause, 1.0), LONGEST_PAUSE)


def _seconds(text: str, now: datetime) -> float | None:
    """The header `Retry-After`: seconds or a date (RFC 9110, 10.2.3)."""
    if text.strip().isdecimal():
        return float(text)
    try:
        return (parsedate_to_datetime(text) - now).total_seconds() if text else None
    except (ValueError, TypeError):
        return None


def _kind_of(error: BaseException) -> str:
    """What went wrong on the way, without the addresses and objects that urllib3 names."""
    return type(error).__name__.removesuffix("Error")


def _message_in(content: bytes) -> str:
    """What the forge says of an error: `message` or `error`, which may hold more."""
    try:
        said = json.loads(content[:LARGEST_ANSWER])
    except ValueError:
        return ""
    if not isinstance(said, dict):
        return ""
    message = said.get("message") or said.get("error")
    if isinstance(message, dict):
        message = message.get("message") or json.dumps(message)
    return f": {one_line(str(message))[:_LONGEST_REASON]}" if message else ""


def _advice(status: int) -> str:
    advice = {
        401: "the token is wrong or has expired: `penstock repo answers` takes a new one",
        403: "the token may not do this: docs/answers.md says which scope it needs",
        404: "the token does not see the repository, or the commit or pull request is gone",
    }
    return f"; {advice[status]}" if status in advice else ""
