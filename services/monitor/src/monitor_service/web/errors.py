"""Answers errors: as JSON below `/api`, else as a page dressed like the others."""

from typing import Any

from flask import Flask, Response, jsonify, render_template, request
from werkzeug.exceptions import HTTPException, InternalServerError

from monitor_service.domain.errors import BadRequestError, NoSuchFlowError, NoSuchJobError
from penstock_shared.observability import Telemetry


def answer_errors(app: Flask, telemetry: Telemetry) -> None:
    """Have the application answer what its routes raise; what nobody foresaw is logged too."""

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
