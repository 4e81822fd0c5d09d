"""The emulator is killed at any moment of a lambda flow, again and again; each flow ends well.

PENSTOCK_TEST_KILLS says how many kills; every fourth comes in the middle of a function's update.
"""

import os
import random
import time
from pathlib import Path

import httpx
import pytest

from tests.e2e.conftest import start
from tests.e2e.test_failure_stories import ONE_EACH, kill_at_once
from tests.support.git import WorkTree
from tests.support.product import Product, eventually, flow_in
from tests.support.repositories import functions

KILLS = int(os.environ.get("PENSTOCK_TEST_KILLS", "2"))
LONGEST = 6.0
"""Seconds from a push to the last kills: most flows have ended by then."""
RISING = 150.0
"""Seconds for a flow whose calls died and are delivered again."""


# On the function: the one that all tests here are given comes before a module's own.
@pytest.mark.timeout(120 + 180 * KILLS)
def test_every_flow_ends_as_it_should_whenever_the_emulator_is_killed(
    fragile_home: Path, tmp_path: Path
) -> None:
    moments = random.Random(20)  # the same moments in every run
    with httpx.Client(timeout=30, trust_env=False) as http:
        product = Product(start(fragile_home, ONE_EACH), http)
        tree = WorkTree.create(tmp_path / "clone", f"{product.stack.git_url}/killed.git")
        for number in range(KILLS):
            version = f"v{number}"
            tree.commit(functions("fragile", version))
            flow_id = flow_in(tree.push())

            if number % 4 == 1:
                await_an_update(product)
            else:
                time.sleep(moments.uniform(0, LONGEST))
            kill_at_once(product.stack.processes["emulator"])
            product = Product(start(fragile_home, ONE_EACH), http)

            product.await_state(flow_id, "succeeded", patience=RISING)
            assert served(product) == {"staging": version, "production": version}


def await_an_update(product: Product) -> None:
    """Wait until Lambda is updating one of the two functions."""
    eventually(lambda: "InProgress" in updates(product), "a function's update")


def updates(product: Product) -> list[str]:
    """The state of the last update of each existing function."""
    found = product.stack.client("lambda").list_functions(MaxItems=50)["Functions"]
    names = [each["FunctionName"] for each in found]
    lambdas = product.stack.client("lambda")
    return [
        lambdas.get_function_configuration(FunctionName=name)["LastUpdateStatus"]
        for name in names
        if name.startswith("fragile-first")
    ]


def served(product: Product) -> dict[str, str]:
    """The version in the answer of the changed function, by environment."""
    return {
        environment: product.function_says(f"fragile-first-{environment}")["version"]
        for environment in ("staging", "production")
    }
