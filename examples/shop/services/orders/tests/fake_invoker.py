"""A fake of the other components, small enough to price orders by hand."""

from typing import Any

from shop_common.calls import accepted

Answer = dict[str, Any]


class FakeInvoker:
    """Answers like customers and catalog, and records the requests."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Answer]] = []
        self.answers: dict[tuple[str, str], Answer] = {
            ("customers", "c-1"): {"name": "Ada", "discount_percent": 10},
            ("catalog", "tea"): {"title": "Tea", "price_cents": 333},
            ("catalog", "pot"): {"title": "Pot", "price_cents": 1000},
        }

    def __call__(self, dependency: str, request: Answer) -> Answer:
        self.asked.append((dependency, request))
        (wanted,) = request.values()
        if (dependency, wanted) not in self.answers:
            return accepted({"refused": {"code": "unknown", "message": f"there is no {wanted}"}})
        result = self.answers[dependency, wanted]
        return {"result": result, "served_by": [{"component": dependency}]}
