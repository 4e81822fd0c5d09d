"""The one comment on a pull request: what it says, and that it stays one."""

from datetime import timedelta
from typing import Any

from penstock_shared.contracts.answers import CoverageChange, Finding
from penstock_shared.contracts.events import FlowFailed, FlowSuperseded, GatesJudged, TestsPassed
from penstock_shared.contracts.plan import Plan
from tests.support.builders import FLOW_ID, NOW, OTHER_FLOW_ID, a_component, a_plan, a_release
from tests.unit.answers_service.world import PAGE, World, a_checked_plan, requested

DEPLOYED = {"driver": "command", "run": "./deploy.sh"}


def pull_request_7(**given: Any) -> Plan:
    return a_checked_plan(pull_request=7, **given)


def test_a_comment_says_what_failed_why_and_where() -> None:
    world, plan = World(), pull_request_7()
    found = Finding(path="orders/app.py", line=3, message="unused import")
    judged = GatesJudged(
        flow=world.ref(plan),
        passed=(1,),
        failed={0: "failed with exit code 1"},
        findings=(found,),
        coverage=CoverageChange(percent=81.25, before=80),
    )

    world.hears(world.planned(plan), judged, FlowFailed(reason="1 gate failed"))

    (body,) = world.forge.comments.values()
    assert "### ❌ Penstock: failed" in body
    assert f"({PAGE}/flows/{FLOW_ID})" in body
    assert "| `unit (orders)` | `failed with exit code 1` |" in body
    assert "- `orders/app.py:3` unused import" in body
    assert "Coverage: 81.2 % (+1.2 points; it was 80.0 %)" in body
    assert "lint" not in body


def test_a_comment_names_the_new_versions_of_what_is_deployed() -> None:
    world = World()
    components = (
        a_component("orders", deploy=DEPLOYED, built=True),
        a_component("web", deploy=DEPLOYED),
        a_component("lib", built=True),
    )
    change = requested(pull_request=7).change
    plan = a_plan(change=change, components=components, release=a_release())

    world.hears(world.planned(plan))

    (body,) = world.forge.comments.values()
    assert "New versions of what is deployed, to production: `orders`" in body
    assert "web" not in body


def test_a_pull_request_that_is_pushed_to_keeps_its_one_comment_and_its_newest_words() -> None:
    """The flow of the commit before ends after that of the newer commit has begun."""
    world, first = World(), pull_request_7()
    later = NOW + timedelta(minutes=1)
    second = pull_request_7(sha="d" * 40, pushed_at=later)
    second = second.model_copy(update={"flow_id": OTHER_FLOW_ID})

    world.hears(world.planned(first))
    world.hears(world.planned(second), TestsPassed(flow=world.ref(second)), flow_id=OTHER_FLOW_ID)
    world.hears(FlowSuperseded(reason="it was pushed to"))

    (body,) = world.forge.comments.values()
    assert "✅ Penstock: passed" in body
    assert OTHER_FLOW_ID in body


def test_a_push_to_a_branch_comments_nothing() -> None:
    world, plan = World(), a_checked_plan()

    world.hears(requested(), world.planned(plan), FlowFailed(reason="no"))

    assert world.forge.comments == {}
