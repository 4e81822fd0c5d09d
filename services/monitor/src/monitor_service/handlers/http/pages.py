"""The pages that people read, rendered here; a small script keeps them current."""

from datetime import datetime
from typing import Any

from flask import Blueprint, render_template, request

from monitor_service.domain.errors import BadRequestError
from monitor_service.domain.view import FlowState, FlowView
from monitor_service.handlers.http import words
from monitor_service.handlers.http.api import filter_of_request, flow_id_of, job_id_of
from monitor_service.handlers.http.app import Reader
from monitor_service.handlers.http.shortening import shortened_components, shortened_jobs
from monitor_service.handlers.http.terminal import segments
from monitor_service.handlers.http.timeline import axis_of, bar_of

LONGEST_NUMBER = 9
"""Digits in a line's number."""


def create_pages(reader: Reader) -> Blueprint:
    """The routes of the pages. With `?fragment`, only what changes of one is sent."""
    pages = Blueprint("pages", __name__)
    for function in (segments, shortened_jobs, shortened_components):
        pages.app_template_global()(function)
    pages.app_template_filter("full_time")(words.full_time)
    pages.app_template_filter("clock_time")(words.clock_time)

    @pages.get("/")
    def flows() -> str:
        wanted = filter_of_request()
        found = reader.list_flows()(wanted)
        return _render("flows", flows=found.flows, next=found.next, wanted=wanted, states=FlowState)

    @pages.get("/flows/<flow_id>")
    def flow(flow_id: str) -> str:
        found = reader.show_flow()(flow_id_of(flow_id))
        known = {"flow": found, "abort_topic": reader.abort_topic, "whole": "all" in request.args}
        return _render("flow", **known, **_axis(found))

    @pages.get("/flows/<flow_id>/jobs/<job_id>")
    def job(flow_id: str, job_id: str) -> str:
        after = request.args.get("after") or None
        log = reader.read_log()(flow_id_of(flow_id), job_id_of(job_id), after)
        return _render("job", flow_id=flow_id, log=log, job=log.job, first=_first_number())

    def _render(page: str, **known: Any) -> str:
        now = reader.clock()
        part = "parts/" if "fragment" in request.args else ""
        return render_template(f"{part}{page}.html", now=now, **_words(now), **known)

    def _axis(found: FlowView) -> dict[str, Any]:
        now = reader.clock()
        axis = axis_of(found, now)
        return {"axis": axis, "bar": lambda what: bar_of(axis, what, now)}

    return pages


def _words(now: datetime) -> dict[str, Any]:
    return {
        "ago": lambda moment: words.ago(moment, now),
        "lasted": lambda what: words.lasted(what.started_at, what.finished_at, now),
        "span": words.span,
    }


def _first_number() -> int:
    """The number of the first line that is sent: the reader has those before it."""
    text = request.args.get("line", "1")
    if not text.isascii() or not text.isdigit() or len(text) > LONGEST_NUMBER:
        raise BadRequestError("`line` must be a number")
    return int(text)
