from dataclasses import dataclass

import pytest

from shop_common.answers import RefusedError, Served, answer, text_field


@dataclass(frozen=True)
class Context:
    function_version: str = "7"


def test_an_answer_says_who_served_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_ENVIRONMENT", "staging")

    said = answer("catalog", "1.0.0", Context(), lambda: Served({"sku": "tea"}))

    assert said == {
        "result": {"sku": "tea"},
        "served_by": [
            {
                "component": "catalog",
                "version": "1.0.0",
                "function_version": "7",
                "environment": "staging",
            }
        ],
    }


def test_those_who_helped_come_after_the_one_who_answers() -> None:
    helper = {"component": "catalog"}

    said = answer("orders", "1.0.0", Context(), lambda: Served({}, helpers=[helper]))

    assert [who["component"] for who in said["served_by"]] == ["orders", "catalog"]


def test_a_refusal_is_an_answer_and_not_a_crash() -> None:
    def refuse() -> Served:
        raise RefusedError("unknown-item", "no such item")

    said = answer("catalog", "1.0.0", Context(), refuse)

    assert said["refused"] == {"code": "unknown-item", "message": "no such item"}


@pytest.mark.parametrize("event", [{}, {"sku": ""}, {"sku": 4}])
def test_a_field_that_is_no_text_is_refused(event: dict[str, object]) -> None:
    with pytest.raises(RefusedError, match="'sku' must be a text"):
        text_field(event, "sku")
