"""Asks the deployed shop for the price of an order."""

import json
from dataclasses import dataclass
from typing import Any

from penstock.demo.errors import DemoError, expect

ORDER = {"customer_id": "c-1", "lines": [{"sku": "tea", "quantity": 2}, {"sku": "pot"}]}
COMPONENT = "orders"


@dataclass(frozen=True)
class Answer:
    """The shop's answer: the price of the order, and the versions of the components that worked."""

    total_cents: int
    currency: str
    versions: dict[str, str]

    def __str__(self) -> str:
        served_by = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        return f"{self.total_cents / 100:.2f} {self.currency}, worked out by {served_by}"


def ask(functions: Any, function: str) -> Answer:
    """Invoke the live version of a function. `functions` is a Lambda client. Raises DemoError."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        response = functions.invoke(
            FunctionName=function, Qualifier="live", Payload=json.dumps(ORDER).encode()
        )
    except (BotoCoreError, ClientError) as error:
        raise DemoError(f"{function}:live could not be called: {error}") from error
    text = response["Payload"].read().decode()
    expect("FunctionError" not in response, f"{function}:live broke: {text}")
    return _answer_in(function, json.loads(text))


def _answer_in(function: str, body: dict[str, Any]) -> Answer:
    expect("result" in body, f"{function}:live refused the order: {body.get('refused')}")
    return Answer(
        body["result"]["total_cents"],
        body["result"]["currency"],
        {one["component"]: one["version"] for one in body["served_by"]},
    )
