"""The JSON API, for the command line and other programs."""

import re
from typing import Any

from flask import Blueprint, Response, request
from pydantic_core import to_json

from monitor_service.domain.errors import BadRequestError, NoSuchFlowError, NoSuchJobError
from monitor_service.domain.view import FlowState, FlowView
from monitor_service.handlers.http.app import Reader
from monitor_service.use_cases.list_flows import DEFAULT, FlowFilter
from monitor_service.use_cases.read_log import LogReading

_ID = re.compile(r"[0-9a-f]{20}")


def create_api(reader: Reader) -> Blueprint:
    """The routes below `/api`."""
    api = Blueprint("api", __name__, url_prefix="/api")

    @api.get("/flows")
    def flows() -> Response:
        found = reader.list_flows()(filter_of_request())
        return _json({"flows": [summary_of(flow) for flow in found.flows], "next": found.next})

    @api.get("/flows/<flow_id>")
    def flow(flow_id: str) -> Response:
        return _json(reader.show_flow()(flow_id_of(flow_id)).model_dump(mode="json"))

    @api.get("/flows/<flow_id>/jobs/<job_id>/log")
    def log(flow_id: str, job_id: str) -> Response:
        after = request.args.get("after")
        return _json(_log(reader.read_log()(flow_id_of(flow_id), job_id_of(job_id), after)))

    return api


def filter_of_request() -> FlowFilter:
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


def summary_of(flow: FlowView) -> dict[str, Any]:
    """A flow without what the list does not read: its jobs, its plan."""
    return flow.model_dump(
        mode="json", exclude={"components": True, "stages": {"__all__": {"jobs"}}}
    )


def _log(log: LogReading) -> dict[str, Any]:
    return {
        "job": log.job.model_dump(mode="json", exclude={"tail"}),
        "lines": [{"at": line.at, "text": line.text} for line in log.lines],
        "next": log.next,
        "more": log.more,
    }


def _json(body: Any) -> Response:
    return Response(to_json(body), mimetype="application/json")
