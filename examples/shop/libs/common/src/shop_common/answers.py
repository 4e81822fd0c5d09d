"""The answers of components: a result, and which components took part.

An answer is `{"result": ..., "served_by": [...]}` or `{"refused": {"code", "message"},
"served_by": [...]}`. `served_by` lists every component that took part, caller first.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

JsonObject = dict[str, Any]


class LambdaContext(Protocol):
    """The part of Lambda's context object that the shop uses."""

    @property
    def function_version(self) -> str: ...


class RefusedError(Exception):
    """The component refuses a well-formed request; the code is for programs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Served:
    """A result, and the `served_by` lists of the called components."""

    result: JsonObject
    helpers: Sequence[JsonObject] = ()


def answer(
    component: str, version: str, context: LambdaContext, serve: Callable[[], Served]
) -> JsonObject:
    """Serve one request; returns the answer. A RefusedError becomes an answer, too."""
    me = identity(component, version, context)
    try:
        served = serve()
    except RefusedError as refusal:
        return {"refused": {"code": refusal.code, "message": str(refusal)}, "served_by": [me]}
    return {"result": served.result, "served_by": [me, *served.helpers]}


def identity(component: str, version: str, context: LambdaContext) -> JsonObject:
    """Identify the component: its version, the function's version and the environment."""
    return {
        "component": component,
        "version": version,
        "function_version": context.function_version,
        "environment": os.environ.get("PENSTOCK_ENVIRONMENT", "local"),
    }


def text_field(event: JsonObject, name: str) -> str:
    """Return a text field of a request. Raises RefusedError when it is missing or empty."""
    value = event.get(name)
    if not isinstance(value, str) or not value:
        raise RefusedError("bad-request", f"'{name}' must be a text that is not empty")
    return value
