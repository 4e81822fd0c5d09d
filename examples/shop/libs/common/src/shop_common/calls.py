"""Calls other components by the functions that Penstock deployed for them.

Penstock sets an environment variable to the name of each dependency's function. A component that
depends on `customers` reads it from `CUSTOMERS_FUNCTION`.
"""

import json
import os
from typing import Any, Protocol

from shop_common.answers import JsonObject, RefusedError


class CallFailedError(Exception):
    """Another component could not be called, or crashed while it answered."""


class Invoker(Protocol):
    """Calls another component and returns its answer."""

    def __call__(self, dependency: str, request: JsonObject) -> JsonObject: ...


class LambdaInvoker:
    """Calls the dependency's Lambda function and waits for its answer."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __call__(self, dependency: str, request: JsonObject) -> JsonObject:
        """Call and wait. Raises CallFailedError when it crashed, RefusedError when it refused."""
        response = self._client.invoke(
            FunctionName=function_of(dependency), Payload=json.dumps(request).encode()
        )
        payload = json.loads(response["Payload"].read())
        if "FunctionError" in response:
            raise CallFailedError(f"{dependency} crashed: {payload.get('errorMessage', payload)}")
        return accepted(payload)


def function_of(dependency: str) -> str:
    """Return the function deployed for a dependency. Raises CallFailedError when none is set."""
    variable = f"{dependency.upper().replace('-', '_')}_FUNCTION"
    if variable not in os.environ:
        raise CallFailedError(f"{variable} is not set: is {dependency} in depends_on?")
    return os.environ[variable]


def accepted(answer: JsonObject) -> JsonObject:
    """Return the answer, or raise the RefusedError that it carries."""
    if "refused" in answer:
        raise RefusedError(answer["refused"]["code"], answer["refused"]["message"])
    return answer
