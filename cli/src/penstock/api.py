"""The monitor's JSON API."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from penstock.errors import CommandError, NoStackError, NotFoundError, UsageError
from penstock.flows import FlowJson, LogJson

if TYPE_CHECKING:
    import httpx

_ID = re.compile(r"[0-9a-f]{20}")
_PREFIX = re.compile(r"[0-9a-f]{4,20}")
PAGE = 100
NEWEST = 500
"""Flows among which a prefix is looked up."""


class ApiError(CommandError):
    """The API answered with an error, or with something that is not JSON."""


@dataclass(frozen=True)
class Api:
    """A client of one API. `http` signs its requests where the API demands it."""

    url: str
    http: "httpx.Client"

    def flow(self, flow_id: str) -> FlowJson:
        """One flow. Raises NotFoundError."""
        return cast("FlowJson", self._get(f"flows/{flow_id}"))

    def flows(
        self, limit: int, repository: str | None = None, state: str | None = None
    ) -> Iterator[FlowJson]:
        """Up to `limit` flows, newest first, with the fields that a list has."""
        cursor = None
        while limit > 0:
            answer = self._get(
                "flows",
                # The index does not hold states: the monitor filters page by page.
                limit=PAGE if state else min(limit, PAGE),
                repository=repository,
                state=state,
                cursor=cursor,
            )
            found = cast("list[FlowJson]", answer["flows"])[:limit]
            yield from found
            limit -= len(found)
            cursor = answer["next"]
            if not cursor:
                return

    def whole_flows(
        self, limit: int, repository: str | None = None, state: str | None = None
    ) -> list[FlowJson]:
        """Up to `limit` flows, newest first, with all their fields."""
        return [self.flow(flow["flow_id"]) for flow in self.flows(limit, repository, state)]

    def log(self, flow_id: str, job_id: str, after: str | None) -> LogJson:
        """What a job printed after `after`, an earlier log's `next`. Raises NotFoundError."""
        return cast("LogJson", self._get(f"flows/{flow_id}/jobs/{job_id}/log", after=after))

    def find(self, name: str) -> FlowJson:
        """The flow with this id, with an id that begins like this, or the newest for `latest`.

        Raises NotFoundError; UsageError when the name has no valid form or is ambiguous.
        """
        return self.flow(self._id_of(name.strip().lower()))

    def _id_of(self, name: str) -> str:
        if _ID.fullmatch(name):
            return name
        if name == "latest":
            return self._newest()
        if not _PREFIX.fullmatch(name):
            raise UsageError(
                f"{name!r} names no flow: use its id, the first 4 or more digits of it, or latest"
            )
        return self._only([flow["flow_id"] for flow in self.flows(NEWEST)], name)

    def _newest(self) -> str:
        for flow in self.flows(1):
            return flow["flow_id"]
        raise NotFoundError("no such flow: nothing has flowed yet")

    def _only(self, known: list[str], prefix: str) -> str:
        found = [flow_id for flow_id in known if flow_id.startswith(prefix)]
        if not found:
            raise NotFoundError(f"no such flow: none of the newest {NEWEST} begins with {prefix}")
        if len(found) > 1:
            raise UsageError(f"{prefix} is the beginning of {len(found)} flows: {', '.join(found)}")
        return found[0]

    def _get(self, path: str, **query: Any) -> dict[str, Any]:
        import httpx

        asked = {name: value for name, value in query.items() if value is not None}
        try:
            answer = self.http.get(f"{self.url}/{path}", params=asked)
        except httpx.HTTPError as error:
            raise NoStackError(
                f"{self.url} does not answer ({error}). Is the stack up? `penstock doctor` looks."
            ) from error
        return _body_of(answer)


def _body_of(answer: "httpx.Response") -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError as error:
        raise ApiError(f"{answer.url} answered {answer.status_code}, and no JSON") from error
    if answer.status_code == 200:
        return cast("dict[str, Any]", body)
    reason = body.get("error") or body.get("message") or answer.reason_phrase
    if answer.status_code == 404:
        raise NotFoundError(str(reason))
    raise ApiError(f"{answer.url.path} answered {answer.status_code}: {reason}")
