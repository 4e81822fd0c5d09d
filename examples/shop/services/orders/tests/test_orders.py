from dataclasses import dataclass
from typing import Any

import pytest

import handler as orders
from fake_invoker import FakeInvoker
from shop_common.answers import RefusedError


@dataclass(frozen=True)
class Context:
    function_version: str = "1"


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> FakeInvoker:
    fake = FakeInvoker()
    monkeypatch.setattr(orders, "lambda_invoker", lambda: fake)
    return fake


def an_order(*lines: dict[str, Any], customer_id: str = "c-1") -> dict[str, Any]:
    return {"customer_id": customer_id, "lines": list(lines)}


@pytest.mark.usefixtures("shop")
def test_prices_an_order_and_rounds_the_discount_in_the_shops_favour() -> None:
    said = orders.handler(an_order({"sku": "tea", "quantity": 2}, {"sku": "pot"}), Context())

    assert said["result"] == {
        "customer": "Ada",
        "lines": [
            {"title": "Tea", "quantity": 2, "cents": 666},
            {"title": "Pot", "quantity": 1, "cents": 1000},
        ],
        "discount_cents": 166,
        "total_cents": 1500,
        "currency": "EUR",
    }


@pytest.mark.usefixtures("shop")
def test_says_who_took_part() -> None:
    said = orders.handler(an_order({"sku": "tea"}), Context())

    assert [who["component"] for who in said["served_by"]] == ["orders", "customers", "catalog"]


@pytest.mark.usefixtures("shop")
def test_passes_a_refusal_on() -> None:
    said = orders.handler(an_order({"sku": "tea"}, customer_id="c-9"), Context())

    assert said["refused"]["message"] == "there is no c-9"


@pytest.mark.parametrize(
    "lines",
    [None, [], ["tea"], [{"sku": "tea", "quantity": 0}], [{"sku": "tea", "quantity": "2"}], [{}]],
)
def test_refuses_lines_that_are_wrong_before_it_calls_anyone(lines: object) -> None:
    shop = FakeInvoker()

    with pytest.raises(RefusedError):
        orders.quote({"customer_id": "c-1", "lines": lines}, shop)

    assert shop.asked == []
