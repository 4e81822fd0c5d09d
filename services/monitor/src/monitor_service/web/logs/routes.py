"""What a job printed: its page, and its JSON."""

from typing import Any

from flask import Blueprint, Response

from monitor_service.use_cases.read_log import LogReading
from monitor_service.web.answers import as_json, page
from monitor_service.web.reader import Reader
from monitor_service.web.requests import first_line_number, flow_id_of, job_id_of, log_position


def create_logs(reader: Reader) -> Blueprint:
    """The routes of a job's log."""
    area = Blueprint("logs", __name__, template_folder="templates")

    def read(flow_id: str, job_id: str) -> LogReading:
        return reader.read_log()(flow_id_of(flow_id), job_id_of(job_id), log_position())

    @area.get("/flows/<flow_id>/jobs/<job_id>")
    def show(flow_id: str, job_id: str) -> str:
        log = read(flow_id, job_id)
        known = {"flow_id": flow_id, "log": log, "job": log.job, "first": first_line_number()}
        return page("logs", reader.clock(), **known)

    @area.get("/api/flows/<flow_id>/jobs/<job_id>/log")
    def tell(flow_id: str, job_id: str) -> Response:
        return as_json(_told_of(read(flow_id, job_id)))

    return area


def _told_of(log: LogReading) -> dict[str, Any]:
    return {
        "job": log.job.model_dump(mode="json", exclude={"tail"}),
        "lines": [{"at": line.at, "text": line.text} for line in log.lines],
        "next": log.next,
        "more": log.more,
    }
