"""Orders: prices an order with the discount from `customers` and the prices from `catalog`.

The request is `{"customer_id": "c-1", "lines": [{"sku": "tea", "quantity": 2}]}`, the answer
`{"customer", "lines": [{"title", "quantity", "cents"}], "discount_cents", "total_cents",
"currency"}`.
"""

import functools
import os

from pricing import Line, discount_cents, lines_of
from shop_common.answers import JsonObject, LambdaContext, Served, answer, text_field
from shop_common.calls import Invoker, LambdaInvoker

VERSION = "1.0.0"


def handler(event: JsonObject, context: LambdaContext) -> JsonObject:
    """Answer one request from Lambda."""
    return answer("orders", VERSION, context, lambda: quote(event, lambda_invoker()))


@functools.cache
def lambda_invoker() -> Invoker:
    """Return the only invoker of this process: making a client takes longer than its calls."""
    import boto3  # imported here: the tests do not need it, and it is slow

    return LambdaInvoker(boto3.client("lambda"))


def quote(event: JsonObject, call: Invoker) -> Served:
    """Price one order. Raises RefusedError when the order, its customer or an item is invalid."""
    ordered = lines_of(event)
    customer = call("customers", {"customer_id": text_field(event, "customer_id")})
    items = [call("catalog", {"sku": line.sku}) for line in ordered]
    priced = [priced_line(line, item["result"]) for line, item in zip(ordered, items, strict=True)]
    return Served(
        quotation(customer["result"], priced),
        helpers=[*customer["served_by"], *items[0]["served_by"]],
    )


def priced_line(line: Line, item: JsonObject) -> JsonObject:
    """Return one line of the quotation, with its price in cents."""
    return {
        "title": item["title"],
        "quantity": line.quantity,
        "cents": line.quantity * item["price_cents"],
    }


def quotation(customer: JsonObject, lines: list[JsonObject]) -> JsonObject:
    """Return the whole quotation: lines, discount and total, in cents."""
    subtotal = sum(line["cents"] for line in lines)
    discount = discount_cents(subtotal, customer["discount_percent"])
    return {
        "customer": customer["name"],
        "lines": lines,
        "discount_cents": discount,
        "total_cents": subtotal - discount,
        "currency": os.environ.get("SHOP_CURRENCY", "EUR"),
    }
