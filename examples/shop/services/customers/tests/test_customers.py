from dataclasses import dataclass

from handler import VERSION, handler


@dataclass(frozen=True)
class Context:
    function_version: str = "1"


def test_finds_a_customer() -> None:
    said = handler({"customer_id": "c-1"}, Context())

    assert said["result"] == {
        "customer_id": "c-1",
        "name": "Ada Lovelace",
        "discount_percent": 10,
    }


def test_says_which_version_answered() -> None:
    said = handler({"customer_id": "c-2"}, Context())

    assert said["served_by"][0]["component"] == "customers"
    assert said["served_by"][0]["version"] == VERSION


def test_refuses_a_customer_it_does_not_know() -> None:
    said = handler({"customer_id": "c-9"}, Context())

    assert said["refused"]["code"] == "unknown-customer"
