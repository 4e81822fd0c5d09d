"""The application: what page and API have in common."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, jsonify, render_template, request
from werkzeug.exceptions import HTTPException, InternalServerError

from monitor_service.domain.errors import BadRequestError, NoSuchFlowError, NoSuchJobError
from monitor_service.handlers.http.assets import asset_version, create_assets
from monitor_service.use_cases.list_flows import ListFlows
from monitor_service.use_cases.read_log import ReadLog
from monitor_service.use_cases.show_flow import ShowFlow
from penstock_shared.clock import Clock, utc_now
from penstock_shared.observability import Telemetry

# Nothing is loaded from elsewhere and nothing runs that stands in the markup, so that what a log
# or a commit says can never act.
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


@dataclass(frozen=True)
class Reader:
    """What the application reads with, made when it is first needed; what it tells to type."""

    list_flows: Callable[[], ListFlows]
    show_flow: Callable[[], ShowFlow]
    read_log: Callable[[], ReadLog]
    telemetry: Telemetry
    stage: str
    abort_topic: str
    clock: Clock = utc_now


def create_app(reader: Reader) -> Flask:
    """The WSGI application.

    It never needs to know the prefix that it is served under: every address in a page is relative
    to the page's own.
    """
    from monitor_service.handlers.http.api import create_api
    from monitor_service.handlers.http.pages import create_pages

    app = Flask(__name__, static_folder=None)
    app.url_map.strict_slashes = False
    app.register_blueprint(create_assets())
    app.register_blueprint(create_api(reader))
    app.register_blueprint(create_pages(reader))
    app.after_request(_guard)
    app.context_processor(lambda: {"root": root(request.path), "stage": reader.stage})
    app.jinja_env.globals["asset_version"] = asset_version()
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    _answer_errors(app, reader.telemetry)
    app.logger.disabled = True  # failures are in the service's own log
    return app


def root(path: str) -> str:
    """The way from a path up to the application's root, for example `../` from `/flows/1`."""
    return "../" * (path.count("/") - 1) or "./"


def _guard(response: Response) -> Response:
    response.headers.update(SECURITY_HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _answer_errors(app: Flask, telemetry: Telemetry) -> None:
    def not_found(error: Exception) -> Any:
        return _error(404, str(error))

    def bad_request(error: Exception) -> Any:
        return _error(400, str(error))

    def refused(error: HTTPException) -> Any:
        what = "There is nothing at this address." if error.code == 404 else error.description
        return _error(error.code or 500, what or error.name)

    def broke(error: InternalServerError) -> Any:
        cause = error.original_exception or error
        telemetry.logger.error("request failed", path=request.path, exc_info=cause)
        return _error(500, "Something broke in the monitor; its log says what. Try again.")

    app.register_error_handler(NoSuchFlowError, not_found)
    app.register_error_handler(NoSuchJobError, not_found)
    app.register_error_handler(BadRequestError, bad_request)
    app.register_error_handler(HTTPException, refused)
    app.register_error_handler(InternalServerError, broke)


def _error(status: int, text: str) -> tuple[Response | str, int]:
    if request.path == "/api" or request.path.startswith("/api/"):
        return jsonify(error=text), status
    return render_template("error.html", status=status, text=text), status
