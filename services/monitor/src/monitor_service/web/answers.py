"""Makes answers: pages out of templates, JSON out of read models."""

from datetime import datetime
from typing import Any

from flask import Response, render_template
from pydantic_core import to_json

from monitor_service.web import words
from monitor_service.web.requests import wants_fragment
from penstock_shared.printable import escaped_json


def page(area: str, now: datetime, **known: Any) -> str:
    """The page of an area; with `?fragment`, only the part of it that changes."""
    template = "part" if wants_fragment() else "page"
    return render_template(f"{area}/{template}.html", now=now, **_words(now), **known)


def as_json(body: Any) -> Response:
    """What pydantic can write as JSON, written so that a terminal that prints it does no more."""
    return Response(escaped_json(to_json(body).decode()), mimetype="application/json")


def _words(now: datetime) -> dict[str, Any]:
    return {
        "ago": lambda moment: words.ago(moment, now),
        "lasted": lambda what: words.lasted(what.started_at, what.finished_at, now),
        "span": words.span,
    }
