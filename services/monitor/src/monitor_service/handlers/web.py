"""The HTTP API: the page, and the JSON that the command line reads."""

from functools import cache
from typing import Any

import serverless_wsgi
from flask import Flask

from monitor_service import bootstrap
from monitor_service.web.app import create_app
from monitor_service.web.reader import Reader


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """An HTTP API event (payload 2.0) in, its response out."""
    event.setdefault("headers", {})
    with bootstrap.SERVICE.telemetry.message("request", "") as span:
        response: dict[str, Any] = serverless_wsgi.handle_request(_app(), event, context)
        span.outcome(f"answered {response['statusCode']}", event.get("rawPath"))
    return response


@cache
def _app() -> Flask:
    return create_app(
        Reader(
            list_flows=bootstrap.list_flows,
            show_flow=bootstrap.show_flow,
            read_log=bootstrap.read_log,
            telemetry=bootstrap.SERVICE.telemetry,
            stage=bootstrap.SERVICE.settings.penstock_stage,
            abort_topic=f"{bootstrap.SERVICE.settings.topic_arn_prefix}abort-release",
        )
    )
