"""The application: its areas, and what holds for all of them."""

from typing import Any

from flask import Flask, Response, request

from monitor_service.web import words
from monitor_service.web.assets import asset_version, create_assets
from monitor_service.web.errors import answer_errors
from monitor_service.web.flow.routes import create_flow
from monitor_service.web.flows.routes import create_flows
from monitor_service.web.logs.routes import create_logs
from monitor_service.web.reader import Reader
from monitor_service.web.requests import root
from monitor_service.web.terminal import segments
from penstock_shared.printable import printable

AREAS = (
    create_flows,
    create_flow,
    create_logs,
)
"""Every area of the page: a folder beside this file, and a line here."""

# Nothing is loaded from elsewhere and no script in the markup runs, so that what a log or a commit
# says can never act.
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def create_app(reader: Reader) -> Flask:
    """The WSGI application.

    It never needs to know the prefix that it is served under: every address in a page is relative
    to the page's own.
    """
    app = Flask(__name__, static_folder=None)
    app.url_map.strict_slashes = False
    app.register_blueprint(create_assets())
    for create_area in AREAS:
        app.register_blueprint(create_area(reader))
    app.after_request(_guard)
    _equip_templates(app, reader.stage)
    answer_errors(app, reader.telemetry)
    app.logger.disabled = True  # failures are in the service's own log
    return app


def _equip_templates(app: Flask, stage: str) -> None:
    app.context_processor(lambda: {"root": root(request.path), "stage": stage})
    app.jinja_env.globals.update(asset_version=asset_version(), segments=segments)
    app.jinja_env.filters.update(full_time=words.full_time, clock_time=words.clock_time)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.finalize = _as_text


def _as_text(value: Any) -> Any:
    """What a template shows: text of the outside is text. Markup is of a template's own."""
    return printable(value) if type(value) is str else value


def _guard(response: Response) -> Response:
    response.headers.update(SECURITY_HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
    return response
