"""Customers: their names and discounts.

The request is `{"customer_id": "c-1"}`, the answer `{"customer_id", "name", "discount_percent"}`.
"""

from shop_common.answers import JsonObject, LambdaContext, RefusedError, Served, answer, text_field

VERSION = "1.0.0"

CUSTOMERS: dict[str, JsonObject] = {
    "c-1": {"name": "Ada Lovelace", "discount_percent": 10},
    "c-2": {"name": "Charles Babbage", "discount_percent": 0},
}


def handler(event: JsonObject, context: LambdaContext) -> JsonObject:
    """Answer one request from Lambda."""
    return answer("customers", VERSION, context, lambda: find(event))


def find(event: JsonObject) -> Served:
    """Return the requested customer. Raises RefusedError when there is none."""
    customer_id = text_field(event, "customer_id")
    if customer_id not in CUSTOMERS:
        raise RefusedError("unknown-customer", f"there is no customer {customer_id}")
    return Served({"customer_id": customer_id, **CUSTOMERS[customer_id]})
