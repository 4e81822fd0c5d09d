"""What is said of a flow: from pending to final, in whichever order its events come."""

from datetime import timedelta
from itertools import permutations

import pytest

from answers_service.domain.answer import State, Status
from answers_service.domain.errors import NotToldError, TellLaterError
from answers_service.domain.flow import MOST_CHECKS, OTHER_GATES
from penstock_shared.contracts.events import (
    EnvironmentRole,
    FlowAborted,
    FlowFailed,
    FlowSuperseded,
    GatesJudged,
    Phase,
    TestsPassed,
)
from tests.support.builders import NOW, OTHER_FLOW_ID, a_deploy_done, a_gate, a_plan
from tests.unit.answers_service.world import World, a_checked_plan, requested

FLOW, UNIT, LINT = "penstock", "penstock/unit (orders)", "penstock/lint (orders)"


def test_a_check_is_pending_and_then_passed() -> None:
    world, plan = World(), a_checked_plan()
    ref = world.ref(plan)

    world.hears(requested(), world.planned(plan))
    assert world.forge.states() == dict.fromkeys((FLOW, UNIT, LINT), State.PENDING)
    world.hears(GatesJudged(flow=ref, passed=(0,)))
    assert world.forge.states()[UNIT] is State.PASSED
    world.hears(GatesJudged(flow=ref, passed=(1,)), TestsPassed(flow=ref))

    assert world.forge.states() == dict.fromkeys((FLOW, UNIT, LINT), State.PASSED)
    assert world.forge.history(LINT) == [State.PENDING, State.PASSED]
    assert world.forge.shown()[FLOW] == (State.PASSED, "2 gates passed")


def test_a_failed_gate_fails_the_flow_and_the_others_say_their_own() -> None:
    world, plan = World(), a_checked_plan()
    reason = "gate unit (orders) failed with exit code 1"

    world.hears(
        requested(),
        world.planned(plan),
        GatesJudged(flow=world.ref(plan), passed=(1,), failed={0: "failed with exit code 1"}),
        FlowFailed(phase=Phase.TEST, reason=reason),
    )

    assert world.forge.shown() == {
        FLOW: (State.FAILED, f"failed: {reason}"),
        UNIT: (State.FAILED, "failed with exit code 1"),
        LINT: (State.PASSED, "passed"),
    }


def test_a_gate_that_did_not_run_is_no_failure_of_its_own() -> None:
    world, plan = World(), a_checked_plan()

    world.hears(requested(), world.planned(plan), FlowAborted(reason="not now", by="Ada"))

    assert world.forge.shown()[FLOW] == (State.STOPPED, "was aborted: not now (by Ada)")
    assert world.forge.shown()[UNIT][0] is State.STOPPED


def test_a_known_verdict_is_told_at_once() -> None:
    world, plan = World(), a_checked_plan()

    world.hears(requested(), world.planned(plan), GatesJudged(flow=world.ref(plan), reused=(0,)))

    assert world.forge.shown()[UNIT] == (
        State.PASSED,
        "unchanged: it passed in an earlier flow",
    )


def test_a_gate_that_may_fail_passes_and_says_so() -> None:
    world, plan = World(), a_checked_plan()
    judged = GatesJudged(flow=world.ref(plan), passed=(1,), failed={0: "exit code 1"}, allowed=(0,))

    world.hears(requested(), world.planned(plan), judged)

    assert world.forge.shown()[UNIT] == (State.PASSED, "may fail, and did: exit code 1")


def test_a_release_is_pending_until_production_runs_it() -> None:
    world, plan = World(), a_plan(change=requested().change)
    ref = world.ref(plan)

    world.hears(requested(), world.planned(plan), TestsPassed(flow=ref))
    assert world.forge.states()[FLOW] is State.PENDING
    world.hears(a_deploy_done(flow=ref, role=EnvironmentRole.STAGING))
    assert world.forge.states()[FLOW] is State.PENDING
    world.hears(a_deploy_done(flow=ref, role=EnvironmentRole.PRODUCTION))

    assert world.forge.shown()[FLOW] == (State.PASSED, "1 gate passed; production runs it")


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_events_end_in_the_same_words_in_any_order(order: tuple[int, ...]) -> None:
    world, plan = World(), a_checked_plan()
    ref = world.ref(plan)
    events = [
        requested(),
        world.planned(plan),
        GatesJudged(flow=ref, passed=(0, 1)),
        TestsPassed(flow=ref),
    ]

    for number in order:
        world.hears(events[number], events[number])

    assert world.forge.states() == dict.fromkeys((FLOW, UNIT, LINT), State.PASSED)
    for name in (FLOW, UNIT, LINT):
        assert world.forge.history(name)[-1] is State.PASSED
        assert world.forge.history(name).count(State.PASSED) == 1


def test_an_older_flow_of_the_commit_says_nothing_after_a_newer_one() -> None:
    world, plan = World(), a_checked_plan()
    newer = a_checked_plan(pushed_at=NOW + timedelta(minutes=1))
    newer = newer.model_copy(update={"flow_id": OTHER_FLOW_ID})

    world.hears(requested(), world.planned(plan))
    world.hears(world.planned(newer), TestsPassed(flow=world.ref(newer)), flow_id=OTHER_FLOW_ID)
    world.hears(FlowSuperseded(reason="a newer flow"), FlowFailed(reason="late"))

    assert world.forge.states() == dict.fromkeys((FLOW, UNIT, LINT), State.PASSED)


def test_a_branch_and_a_pull_request_of_one_commit_stand_beside_each_other() -> None:
    world = World()

    world.hears(requested())
    world.hears(requested(pull_request=7), FlowFailed(reason="no"), flow_id=OTHER_FLOW_ID)

    assert world.forge.states() == {FLOW: State.PENDING, "penstock-pr": State.FAILED}


def test_what_comes_while_another_function_tells_is_told_after_it_and_never_overtakes() -> None:
    """The newer state arrives while the older one is on its way to the forge."""
    world, plan = World(), a_checked_plan(["unit"])
    came: list[str] = []

    def meanwhile(_saying: object) -> None:
        if not came:
            came.append("once")
            with pytest.raises(TellLaterError, match="another function"):
                world.hears(TestsPassed(flow=world.ref(plan)))

    world.forge.before = meanwhile
    world.hears(world.planned(plan))

    assert world.forge.history(FLOW) == [State.PENDING, State.PASSED]
    assert world.forge.history(UNIT)[-1] is State.PASSED


def test_what_a_dead_function_was_about_to_tell_is_told_when_its_message_comes_again() -> None:
    world, plan = World(), a_checked_plan(["unit"])

    def dies(_saying: object) -> None:
        raise SystemExit

    world.forge.before = dies
    with pytest.raises(SystemExit):
        world.hears(world.planned(plan))
    world.forge.before = lambda _saying: None
    with pytest.raises(TellLaterError) as caught:
        world.hears(world.planned(plan))
    assert caught.value.seconds == 5, "it is looked at again long before the dead one has to let go"
    world.clock.advance(seconds=61)
    world.hears(world.planned(plan))

    assert world.forge.states() == dict.fromkeys((FLOW, UNIT), State.PENDING)


def test_a_forge_that_is_down_is_told_later_and_not_twice() -> None:
    world, plan = World(), a_checked_plan(["unit"])
    calls: list[object] = []

    def second_fails(saying: object) -> None:
        calls.append(saying)
        if len(calls) == 2:
            raise TellLaterError("is down", 30)

    world.forge.before = second_fails
    with pytest.raises(TellLaterError) as caught:
        world.hears(world.planned(plan))
    assert caught.value.seconds == 30
    assert world.forge.states() == {FLOW: State.PENDING}
    world.hears(world.planned(plan))

    assert world.forge.history(FLOW) == [State.PENDING]
    assert world.forge.history(UNIT) == [State.PENDING]


def test_what_a_forge_refuses_does_not_keep_the_rest_from_being_told() -> None:
    world, plan = World(), a_checked_plan(pull_request=7)

    def refuses(saying: object) -> None:
        if isinstance(saying, Status) and saying.name == "penstock-pr":
            raise NotToldError("may not", 403)

    world.forge.before = refuses
    with pytest.raises(NotToldError, match="may not"):
        world.hears(world.planned(plan))

    assert set(world.forge.states()) == {"penstock-pr/unit (orders)", "penstock-pr/lint (orders)"}
    assert len(world.forge.comments) == 1


def test_many_gates_share_the_statuses_that_a_person_can_read() -> None:
    world = World()
    components = [f"c{number}" for number in range(100)]
    gates = tuple(a_gate("unit", name) for name in components)
    plan = a_checked_plan().model_copy(update={"gates": gates})
    failed = {3: "exit code 1", 4: "exit code 2"}

    world.hears(
        world.planned(plan),
        GatesJudged(flow=world.ref(plan), passed=tuple(range(5, 50)), failed=failed),
    )

    assert world.forge.shown()["penstock/unit"] == (
        State.FAILED,
        "2 of 100 failed: exit code 1",
    )


def test_there_are_never_more_statuses_than_the_limit() -> None:
    world = World()
    gates = tuple(a_gate(f"gate-{number}", None) for number in range(100))

    world.hears(world.planned(a_checked_plan().model_copy(update={"gates": gates})))

    assert len(world.forge.shown()) == 1 + MOST_CHECKS
    assert world.forge.shown()[f"penstock/{OTHER_GATES}"] == (State.PENDING, "0 of 71 passed")


def test_a_flow_without_a_token_is_told_to_nobody() -> None:
    world = World(has_token=False)

    world.hears(requested(), FlowFailed(reason="no"))

    assert world.forge.told == []


def test_the_end_of_a_flow_that_is_not_answered_costs_one_write_and_no_place() -> None:
    world = World()

    world.hears(FlowFailed(reason="no"))

    assert world.forge.told == []
    assert list(world.places.listed()) == []
