"""Reads what a request asks for: parts of its address, and its query parameters."""

import re

from flask import request

from monitor_service.domain.errors import BadRequestError, NoSuchFlowError, NoSuchJobError
from monitor_service.domain.view import FlowState
from monitor_service.use_cases.list_flows import DEFAULT, FlowFilter

LONGEST_NUMBER = 9
"""Digits in a line's number."""

_ID = re.compile(r"[0-9a-f]{20}")


def flow_filter() -> FlowFilter:
    """The list that the query asks for. Raises BadRequestError."""
    limit = request.args.get("limit", str(DEFAULT))
    state = request.args.get("state", "")
    if not limit.isascii() or not limit.isdigit():
        raise BadRequestError(f"limit must be a number, not {limit!r}")
    if state and state not in set(FlowState):
        raise BadRequestError(f"state must be one of {', '.join(FlowState)}, not {state!r}")
    return FlowFilter(
        limit=int(limit),
        repository=request.args.get("repository") or None,
        state=FlowState(state) if state else None,
        cursor=request.args.get("cursor") or None,
    )


def flow_id_of(text: str) -> str:
    """The id in an address. Raises NoSuchFlowError if it cannot be one."""
    if not _ID.fullmatch(text):
        raise NoSuchFlowError(f"no such flow: {text[:40]}; a flow's id has 20 hex digits")
    return text


def job_id_of(text: str) -> str:
    """The id in an address. Raises NoSuchJobError if it cannot be one."""
    if not _ID.fullmatch(text):
        raise NoSuchJobError(f"no job {text[:40]}; a job's id has 20 hex digits")
    return text


def log_position() -> str | None:
    """Where in a log to go on: an earlier answer's `next`. None is the beginning."""
    return request.args.get("after") or None


def first_line_number() -> int:
    """The number of the first line that is sent: the reader has those before it.

    Raises BadRequestError.
    """
    text = request.args.get("line", "1")
    if not text.isascii() or not text.isdigit() or len(text) > LONGEST_NUMBER:
        raise BadRequestError("`line` must be a number")
    return int(text)


def wants_everything() -> bool:
    """Whether a big flow is to be shown without counting instead of showing."""
    return "all" in request.args


def wants_fragment() -> bool:
    """Whether only the part of a page is wanted that changes."""
    return "fragment" in request.args


def root(path: str) -> str:
    """The way from a path up to the application's root, for example `../` from `/flows/1`."""
    return "../" * (path.count("/") - 1) or "./"
