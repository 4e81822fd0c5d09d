"""plan: what a flow would do, and why."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.penstock.commands.conftest import Run
from tests.unit.penstock.commands.fake_stack import FakeStack, a_flow

SINCE = "a" * 20
FUNCTION = "penstock-build-local-preview"


def a_preview(**given: Any) -> dict[str, Any]:
    return {
        "trust": "release",
        "intent": "release",
        "environments": ["staging", "production"],
        "components": [
            {
                "name": "orders",
                "builds": True,
                "reason": "its inputs or tools are new",
                "deploys": True,
                "differs": ["libs/common/**", "conftest.py (is an input now)"],
            },
            {"name": "docs", "builds": False, "reason": "has nothing to build"},
        ],
        "gates": [
            {"label": "unit (orders)", "component": "orders", "runs": True},
            {"label": "lint (orders)", "component": "orders", "runs": False},
            {"label": "audit", "runs": True},
        ],
        **given,
    }


@pytest.fixture
def planned(stack: FakeStack, pushed: str) -> FakeStack:
    stack.functions[FUNCTION] = a_preview()
    other = a_flow("b" * 20, "succeeded", ref="refs/heads/feature")
    stack.flows = {"b" * 20: other, SINCE: a_flow(SINCE, "succeeded")}
    return stack


def test_a_plan_says_what_would_be_done_with_each_component(
    run: Run, planned: FakeStack, pushed: str
) -> None:
    said = run("plan").stdout

    assert f"main of acme/shop at {pushed[:12]}: a release to staging and then production" in said
    assert f"compared with flow {SINCE}" in said
    lines = {line.split()[0]: " ".join(line.split()) for line in said.splitlines() if line.strip()}
    assert lines["orders"] == "orders ● 1 of 2 ● libs/common/** differs, and 1 more"
    assert lines["docs"] == "docs – – – has nothing to build"
    assert lines["audit"] == "audit 1 of 1 the repository's gate"


def test_it_is_compared_with_the_newest_flow_of_the_branch_that_succeeded(
    run: Run, planned: FakeStack, pushed: str
) -> None:
    run("plan")

    (asked,) = planned.invoked
    assert asked == (
        FUNCTION,
        {
            "forge": "git",
            "full_name": "acme/shop",
            "ref": "refs/heads/main",
            "sha": pushed,
            "since": SINCE,
        },
    )


def test_why_names_every_input_that_differs(run: Run, planned: FakeStack) -> None:
    said = run("plan", "--why", "orders").stdout.splitlines()

    assert said == [
        f"orders: not as in flow {SINCE}:",
        "  libs/common/**",
        "  conftest.py (is an input now)",
    ]


def test_why_of_what_is_unchanged_says_so(run: Run, planned: FakeStack) -> None:
    assert "docs: every input is as in flow" in run("plan", "--why", "docs").stdout


@pytest.mark.usefixtures("planned")
def test_why_of_a_component_that_is_not_there_names_those_that_are(run: Run) -> None:
    assert "there are orders, docs" in run("plan", "--why", "shipping", code=4).stderr


def test_without_a_flow_that_succeeded_there_is_nothing_to_compare_with(
    run: Run, planned: FakeStack
) -> None:
    planned.flows = {}

    assert "nothing has succeeded yet" in run("plan").stdout
    assert "nothing to compare with" in run("plan", "--why", "orders").stdout


def test_programs_get_the_whole_plan(run: Run, planned: FakeStack, pushed: str) -> None:
    told = json.loads(run("plan", "--json").stdout)

    assert (told["sha"], told["since"]) == (pushed, SINCE)
    assert told["components"][0]["differs"] == ["libs/common/**", "conftest.py (is an input now)"]


def test_a_commit_that_cannot_be_planned_says_why(run: Run, planned: FakeStack) -> None:
    planned.functions[FUNCTION] = {"refusal": "there is no penstock.yml at the root of acme/shop"}

    assert "there is no penstock.yml" in run("plan", code=1).stderr


def test_a_stack_of_an_older_version_is_told(run: Run, planned: FakeStack) -> None:
    planned.functions = {}

    assert f"could not ask {FUNCTION}" in run("plan", code=3).stderr


@pytest.mark.usefixtures("stack")
def test_outside_of_a_repository_it_says_what_to_name(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert "say which repository with --repository" in run("plan", code=2).stderr


def test_without_a_stack_it_says_so(run: Run) -> None:
    assert "penstock up" in run("plan", code=3).stderr
