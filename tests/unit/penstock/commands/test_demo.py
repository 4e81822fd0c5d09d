"""The parts of the demo; `make demo` runs the whole."""

import io
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console

from penstock.api import Api
from penstock.connection import Connection
from penstock.demo.answers import Answer, ask
from penstock.demo.errors import DemoError
from penstock.demo.shop import CATALOG, SHOP, ShopTree
from penstock.demo.story import Story, _function_in
from tests.unit.penstock.commands.fake_stack import Json, a_flow, a_job, a_phase


@pytest.fixture
def tree(tmp_path: Path) -> ShopTree:
    remote = tmp_path / "remote.git"
    tree = ShopTree.copy_to(tmp_path / "shop", remote.as_uri())
    tree.git("init", "--quiet", "--bare", str(remote))
    tree.commit("Open the shop")
    return tree


def test_the_shop_is_copied_without_what_tools_left_in_it(tree: ShopTree) -> None:
    assert (tree.folder / "penstock.yml").read_text() == (SHOP / "penstock.yml").read_text()
    assert not list(tree.folder.rglob("*_cache"))
    assert tree.git("status", "--porcelain") == ""


def test_a_change_concerns_one_component(tree: ShopTree) -> None:
    tree.change_catalog("9.9.9", 680)
    tree.bake_for("10m")
    changed = tree.git("diff", "--name-only").split()
    assert changed == ["penstock.yml", str(CATALOG)]
    text = (tree.folder / CATALOG).read_text()
    assert 'VERSION = "9.9.9"' in text
    assert '"price_cents": 680' in text
    assert "\n  bake: 10m" in (tree.folder / "penstock.yml").read_text()


def test_a_shop_that_the_demo_does_not_know_is_told(tree: ShopTree) -> None:
    (tree.folder / CATALOG).write_text("nothing = 1\n")
    with pytest.raises(DemoError, match="no version and no tea"):
        tree.change_catalog("9.9.9", 680)
    (tree.folder / "penstock.yml").write_text("version: 1\n")
    with pytest.raises(DemoError, match="no bake"):
        tree.bake_for("10m")


def test_a_push_tells_its_flow(tree: ShopTree, tmp_path: Path) -> None:
    with pytest.raises(DemoError, match="started no flow"):
        tree.push()
    hook = tmp_path / "remote.git" / "hooks" / "post-receive"
    hook.write_text(f"#!/bin/sh\necho 'penstock: flow {'a' * 20} http://127.0.0.1/'\n")
    hook.chmod(0o755)
    tree.change_catalog("9.9.9", 680)
    tree.commit("Change the price")
    assert tree.push() == "a" * 20


def test_git_that_fails_is_told(tree: ShopTree) -> None:
    with pytest.raises(DemoError, match="git checkout failed"):
        tree.git("checkout", "nowhere")


class FakeFunctions:
    """Fakes a Lambda client with given answers."""

    def __init__(self, body: Json, **more: str) -> None:
        self.body = body
        self.more = more
        self.invoked: list[str] = []

    def invoke(self, FunctionName: str, Qualifier: str, Payload: bytes) -> Json:  # noqa: N803  # boto3's names
        self.invoked.append(f"{FunctionName}:{Qualifier}")
        assert json.loads(Payload)["lines"]
        return {"Payload": io.BytesIO(json.dumps(self.body).encode()), **self.more}


def test_the_shop_is_asked_what_an_order_costs() -> None:
    functions = FakeFunctions(
        {
            "result": {"total_cents": 5580, "currency": "EUR"},
            "served_by": [{"component": "orders", "version": "1.0.0"}],
        }
    )
    answer = ask(functions, _function_in("production"))
    assert functions.invoked == ["shop-orders-production:live"]
    assert answer == Answer(5580, "EUR", {"orders": "1.0.0"})
    assert str(answer) == "55.80 EUR, worked out by orders 1.0.0"


@pytest.mark.parametrize(
    ("functions", "reason"),
    [
        (FakeFunctions({"refused": {"code": "unknown-item"}}), "refused the order"),
        (FakeFunctions({"errorMessage": "x"}, FunctionError="Unhandled"), "broke"),
    ],
)
def test_a_shop_that_does_not_answer_is_told(functions: FakeFunctions, reason: str) -> None:
    with pytest.raises(DemoError, match=reason):
        ask(functions, "shop-orders-production")


def a_component(name: str, *, touched: bool) -> Json:
    return {"name": name, "built": touched, "deployed": touched}


def a_story() -> Story:
    def nothing(_: str) -> Any:
        raise AssertionError("nobody needs AWS here")

    connection = Connection(
        "a stack", "", Api("http://127.0.0.1:1", httpx.Client()), "", "", "", nothing, lambda: ""
    )
    return Story(connection, "", Path(), Console(quiet=True), fresh=True)


def test_a_second_flow_that_touches_only_the_change_is_good() -> None:
    flow: Any = a_flow(
        components=[a_component("catalog", touched=True), a_component("orders", touched=False)],
        phases=[a_phase(name, "succeeded", a_job("x", "catalog")) for name in ("build", "test")],
    )
    a_story()._check_only_the_change(flow)


def test_a_second_flow_that_touches_more_is_not() -> None:
    flow: Any = a_flow(
        components=[a_component("catalog", touched=True), a_component("orders", touched=True)],
        phases=[a_phase("test", "succeeded", a_job("x", "catalog"))],
    )
    with pytest.raises(DemoError, match="only catalog should be built, not catalog, orders"):
        a_story()._check_only_the_change(flow)
