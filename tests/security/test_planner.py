"""M2 and trust.md 8: what reads strangers' files can do little, and is believed little.

The worker, which holds the table and the queue, read git and YAML itself: whoever took it over by a
file had its rights.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import pytest

from build_service.adapters.planner_function import PlannerFunction
from build_service.domain.drafting import PlanAnswer, PlanRequest, answer_with, draft_in, refuse
from build_service.domain.errors import BuildError, SourceUnavailableError
from build_service.domain.planning import artifact_memo_key
from build_service.domain.source import SourceTree
from penstock_shared.contracts.change import Trust
from penstock_shared.contracts.drivers.function import LambdaDeploy
from penstock_shared.contracts.plan import ObjectRef, Plan
from penstock_shared.contracts.registration import Allowance
from penstock_shared.testing.fakes import InMemoryMemo
from test_runner_service.use_cases.verdicts import verdict_keys
from tests.support.builders import (
    FLOW_ID,
    OTHER_FLOW_ID,
    a_change,
    a_component,
    a_gate,
    a_plan,
    a_release,
    an_environment,
)
from tests.support.objects import a_bucket
from tests.unit.build_service.sources import FakeSourceRepository, a_planner, a_tree

REQUEST = PlanRequest(
    flow_id=FLOW_ID,
    change=a_change(),
    trust=Trust.RELEASE,
    allowance=Allowance(
        least_bake=60, environments=("staging", "production"), deploy_prefix="shop-"
    ),
)


def planned(**given: Any) -> Plan:
    return a_plan(**{"change": REQUEST.change, "trust": Trust.RELEASE, **given})


def test_a_plan_of_what_was_asked_about_is_believed() -> None:
    draft = draft_in(answer_with(planned(), "head"), REQUEST)

    assert (draft.plan, draft.head) == (planned(), "head")


def a_function(name: str) -> Plan:
    return planned(components=(a_component(deploy=LambdaDeploy(function=name)),))


@pytest.mark.parametrize(
    ("plan", "strange"),
    [
        (planned(flow_id=OTHER_FLOW_ID), "another flow"),
        (planned(change=a_change(repository="acme/bank")), "another change"),
        (planned(trust=Trust.CHECK, intent="check", release=None), "another trust"),
        (planned(snapshot=ObjectRef(key="plans/x", sha256="e" * 64)), "another snapshot"),
        (
            planned(components=(a_component(artifact=ObjectRef(key="artifacts/x/old.zip")),)),
            "an artifact of another flow",
        ),
        (a_function("billing"), "a name outside of the deploy prefix"),
        (planned(release=a_release(bake=5)), "a release that is not allowed"),
        (planned(release=a_release(staging=None)), "a release that is not allowed"),
        (
            planned(release=a_release(production=an_environment("billing"))),
            "a release that is not allowed",
        ),
        (
            planned(release=a_release(production=an_environment("production", stage="billing"))),
            "a release that is not allowed",
        ),
    ],
)
def test_a_planner_that_was_taken_over_gets_no_further_than_its_repository_may(
    plan: Plan, strange: str
) -> None:
    with pytest.raises(BuildError, match=f"the planner's answer is refused: it has {strange}"):
        draft_in(answer_with(plan, ""), REQUEST)


@pytest.mark.parametrize("packed", ["", "x", "AAAA", "eJwDAAAAAAE="])
def test_an_answer_that_is_no_plan_is_refused(packed: str) -> None:
    with pytest.raises(BuildError, match="the planner's answer is no plan"):
        draft_in(PlanAnswer(plan=packed), REQUEST)


def test_an_answer_is_not_unpacked_beyond_what_a_plan_may_weigh(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from build_service.domain import drafting

    monkeypatch.setattr(drafting, "PLAN_BYTES", 100)

    with pytest.raises(BuildError, match="the planner's answer is no plan"):
        draft_in(answer_with(planned(), ""), REQUEST)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refuse("penstock.yml:3: components: is missing"), BuildError),
        (refuse("the server is down", may_pass=True), SourceUnavailableError),
    ],
)
def test_errors_cross_as_words(answer: PlanAnswer, error: type[Exception]) -> None:
    with pytest.raises(error) as raised:
        draft_in(answer, REQUEST)

    assert str(raised.value) == answer.refusal


@dataclass(frozen=True)
class Dead:
    """A function that ends without an answer of its own."""

    body: dict[str, Any]

    def invoke(self, **_: Any) -> dict[str, Any]:
        return {"FunctionError": "Unhandled", "Payload": BytesIO(json.dumps(self.body).encode())}


@pytest.mark.parametrize(
    "body",
    [
        {"errorMessage": "Task timed out after 25.00 seconds"},
        {"errorType": "Runtime.OutOfMemory", "errorMessage": "signal: killed"},
        {"errorMessage": "boom", "stackTrace": ["  File x"], "plan": ""},
    ],
)
def test_a_planner_that_dies_ends_the_flow_with_a_reason_and_no_trace(body: dict[str, Any]) -> None:
    with pytest.raises(BuildError) as raised:
        PlannerFunction(Dead(body), "planner-").draft(REQUEST)

    assert "the planner ran out of time or memory, or failed" in str(raised.value)
    assert "File x" not in str(raised.value)


@dataclass
class Planners:
    """Planners that answer nothing. It notes which was asked."""

    asked: list[str] = field(default_factory=list)

    def invoke(self, *, FunctionName: str, **_: Any) -> dict[str, Any]:  # noqa: N803  # boto3's name
        self.asked.append(FunctionName)
        return {"Payload": BytesIO(refuse("no").model_dump_json().encode())}


def test_what_a_planner_keeps_of_a_fork_never_meets_a_release() -> None:
    """One process planned the changes of all trusts: taken over by a fork, it held the next release
    and the read token of its repository.
    """
    planners = Planners()

    for trust in Trust:
        with pytest.raises(BuildError, match="no"):
            PlannerFunction(planners, "planner-").draft(REQUEST.model_copy(update={"trust": trust}))

    assert planners.asked == ["planner-release", "planner-check", "planner-fork"]


def test_a_planner_cannot_claim_what_another_repository_has_built_or_passed() -> None:
    """The keys of artifacts and verdicts are the planner's word. Under the registered repository
    they lead to nothing of another one.
    """
    bank, shop = a_change(repository="acme/bank"), REQUEST.change
    component, gate = a_component(), a_gate("unit")
    memo = InMemoryMemo()
    memo.remember(
        Trust.RELEASE,
        {
            key: {"flow_id": OTHER_FLOW_ID}
            for key in (artifact_memo_key(bank, component), *verdict_keys(bank, gate))
        },
    )

    claimed = (artifact_memo_key(shop, component), *verdict_keys(shop, gate))

    assert memo.recall(Trust.RELEASE, claimed) == {}


def breaks(_path: str) -> bytes:
    raise RecursionError("deep")


def test_an_error_that_nobody_thought_of_is_a_reason() -> None:
    tree: SourceTree = a_tree({"penstock.yml": ""})
    sources = FakeSourceRepository(tree, None)
    broken: Callable[[str], bytes] = breaks
    object.__setattr__(tree, "read", broken)

    with pytest.raises(BuildError, match="could not plan: RecursionError: deep"):
        a_planner(sources, a_bucket()).draft(REQUEST)
