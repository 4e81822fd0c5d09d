"""One flow: its page, and its JSON."""

from typing import Any

from flask import Blueprint, Response

from monitor_service.domain.view import FlowView
from monitor_service.web.answers import as_json, page
from monitor_service.web.flow.shortening import shortened_components, shortened_jobs
from monitor_service.web.flow.timeline import axis_of, bar_of
from monitor_service.web.reader import Reader
from monitor_service.web.requests import flow_id_of, wants_everything


def create_flow(reader: Reader) -> Blueprint:
    """The routes of one flow."""
    area = Blueprint("flow", __name__, template_folder="templates")

    @area.get("/flows/<flow_id>")
    def show(flow_id: str) -> str:
        found = reader.show_flow()(flow_id_of(flow_id))
        return page("flow", reader.clock(), **_known_of(found, reader))

    @area.get("/api/flows/<flow_id>")
    def tell(flow_id: str) -> Response:
        return as_json(reader.show_flow()(flow_id_of(flow_id)).model_dump(mode="json"))

    return area


def _known_of(flow: FlowView, reader: Reader) -> dict[str, Any]:
    now = reader.clock()
    axis = axis_of(flow, now)
    return {
        "flow": flow,
        "abort_topic": reader.abort_topic,
        "whole": wants_everything(),
        "axis": axis,
        "bar": lambda what: bar_of(axis, what, now),
        "shortened_jobs": shortened_jobs,
        "shortened_components": shortened_components,
    }
