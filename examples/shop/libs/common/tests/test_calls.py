import io
import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from shop_common.answers import RefusedError
from shop_common.calls import CallFailedError, LambdaInvoker


@dataclass
class FakeLambda:
    """Fakes boto3's Lambda client: returns a given answer, and records the calls."""

    payload: dict[str, Any]
    crashed: bool = False
    asked: list[tuple[str, Any]] = field(default_factory=list)

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 (boto3's)
        self.asked.append((FunctionName, json.loads(Payload)))
        error = {"FunctionError": "Unhandled"} if self.crashed else {}
        return {"Payload": io.BytesIO(json.dumps(self.payload).encode()), **error}


@pytest.fixture(autouse=True)
def deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOMERS_FUNCTION", "customers-in-staging")


def test_calls_the_function_that_was_deployed_for_the_dependency() -> None:
    client = FakeLambda({"result": {"name": "Ada"}})

    said = LambdaInvoker(client)("customers", {"customer_id": "c-1"})

    assert said == {"result": {"name": "Ada"}}
    assert client.asked == [("customers-in-staging", {"customer_id": "c-1"})]


def test_a_refusal_of_the_dependency_is_passed_on() -> None:
    client = FakeLambda({"refused": {"code": "unknown-customer", "message": "no customer c-9"}})

    with pytest.raises(RefusedError, match="no customer c-9"):
        LambdaInvoker(client)("customers", {"customer_id": "c-9"})


def test_a_crash_of_the_dependency_says_which_one_and_why() -> None:
    client = FakeLambda({"errorMessage": "division by zero"}, crashed=True)

    with pytest.raises(CallFailedError, match="customers crashed: division by zero"):
        LambdaInvoker(client)("customers", {})


def test_a_dependency_that_nobody_deployed_is_named() -> None:
    with pytest.raises(CallFailedError, match="CATALOG_FUNCTION is not set"):
        LambdaInvoker(FakeLambda({}))("catalog", {})
