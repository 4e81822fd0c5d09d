"""The list of flows: the page that everybody begins with, and its JSON."""

from typing import Any

from flask import Blueprint, Response

from monitor_service.domain.view import FlowState, FlowView
from monitor_service.web.answers import as_json, page
from monitor_service.web.reader import Reader
from monitor_service.web.requests import flow_filter


def create_flows(reader: Reader) -> Blueprint:
    """The routes of the list."""
    area = Blueprint("flows", __name__, template_folder="templates")

    @area.get("/")
    def show() -> str:
        wanted = flow_filter()
        found = reader.list_flows()(wanted)
        known = {"flows": found.flows, "next": found.next, "wanted": wanted, "states": FlowState}
        return page("flows", reader.clock(), **known)

    @area.get("/api/flows")
    def tell() -> Response:
        found = reader.list_flows()(flow_filter())
        return as_json({"flows": [_summary_of(flow) for flow in found.flows], "next": found.next})

    return area


def _summary_of(flow: FlowView) -> dict[str, Any]:
    """A flow without what the list does not read: its jobs, its plan."""
    return flow.model_dump(
        mode="json", exclude={"components": True, "phases": {"__all__": {"jobs"}}}
    )
