"""The rules for orders, independent of Lambda."""

from dataclasses import dataclass
from typing import Any

from shop_common.answers import JsonObject, RefusedError, text_field


@dataclass(frozen=True)
class Line:
    """A quantity of one item."""

    sku: str
    quantity: int


def lines_of(event: JsonObject) -> list[Line]:
    """Return the lines of an order. Raises RefusedError when there are none or one is wrong."""
    lines = event.get("lines")
    if not isinstance(lines, list) or not lines:
        raise RefusedError("bad-request", "'lines' must be a list with at least one line")
    return [line_of(line) for line in lines]


def line_of(line: Any) -> Line:
    """Return one line of an order. Raises RefusedError when it is wrong."""
    if not isinstance(line, dict):
        raise RefusedError("bad-request", "a line must be an object with 'sku' and 'quantity'")
    quantity = line.get("quantity", 1)
    if not isinstance(quantity, int) or quantity < 1:
        raise RefusedError("bad-request", "'quantity' must be a whole number of at least 1")
    return Line(text_field(line, "sku"), quantity)


def discount_cents(subtotal: int, percent: int) -> int:
    """Return the discount in whole cents, rounded in the shop's favour."""
    return subtotal * percent // 100
