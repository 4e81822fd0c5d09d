from dataclasses import dataclass

import pytest

from handler import ITEMS, VERSION, handler


@dataclass(frozen=True)
class Context:
    function_version: str = "1"


@pytest.mark.parametrize("sku", sorted(ITEMS))
def test_everything_for_sale_has_a_title_and_a_price(sku: str) -> None:
    item = handler({"sku": sku}, Context())["result"]

    assert item["sku"] == sku
    assert item["title"]
    assert item["price_cents"] > 0


def test_says_which_version_answered() -> None:
    said = handler({"sku": "tea"}, Context())

    assert said["served_by"][0]["component"] == "catalog"
    assert said["served_by"][0]["version"] == VERSION


def test_refuses_an_item_that_is_not_for_sale() -> None:
    said = handler({"sku": "coffee"}, Context())

    assert said["refused"]["code"] == "unknown-item"
