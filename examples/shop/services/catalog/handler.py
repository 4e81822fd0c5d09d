"""Catalog: the items for sale and their prices.

The request is `{"sku": "tea"}`, the answer `{"sku", "title", "price_cents"}`.
"""

from shop_common.answers import JsonObject, LambdaContext, RefusedError, Served, answer, text_field

VERSION = "1.0.0"

ITEMS: dict[str, JsonObject] = {
    "tea": {"title": "Green tea, 100 g", "price_cents": 650},
    "pot": {"title": "Cast iron teapot", "price_cents": 4900},
}


def handler(event: JsonObject, context: LambdaContext) -> JsonObject:
    """Answer one request from Lambda."""
    return answer("catalog", VERSION, context, lambda: find(event))


def find(event: JsonObject) -> Served:
    """Return the requested item. Raises RefusedError when it is not for sale."""
    sku = text_field(event, "sku")
    if sku not in ITEMS:
        raise RefusedError("unknown-item", f"there is no item {sku}")
    return Served({"sku": sku, **ITEMS[sku]})
