"""What people see of a flow, from the events that tell it."""

import random
from collections.abc import Iterable

import pytest

from monitor_service.domain.facts import FLOW, facts_of
from monitor_service.domain.folding import fold
from monitor_service.domain.jobs import MOST_TAILS
from monitor_service.domain.view import FlowState, FlowView, JobView, PhaseState, PullRequestView
from monitor_service.use_cases.record_event import RecordEvent
from penstock_shared.contracts.change import Base, Intent
from penstock_shared.contracts.event import Event, EventData
from penstock_shared.contracts.events import (
    EnvironmentPassed,
    EnvironmentRole,
    FlowAborted,
    FlowFailed,
    FlowSuperseded,
    GateProofs,
    GatesProven,
    JobFinished,
    Phase,
)
from penstock_shared.contracts.jobs import JobState
from penstock_shared.contracts.plan import Plan
from penstock_shared.contracts.positions import Positions
from penstock_shared.decisions import Cause
from tests.support.builders import (
    FLOW_ID,
    OTHER_FLOW_ID,
    SHA,
    a_component,
    a_gate,
    a_plan,
    a_release,
    an_output,
)
from tests.unit.monitor_service.fakes import InMemoryFacts
from tests.unit.monitor_service.stories import (
    VERSION,
    Story,
    at,
    there,
    to_production,
    to_staging,
    with_a_failing_gate,
)


def kept(events: Iterable[Event[EventData]]) -> InMemoryFacts:
    store = InMemoryFacts()
    for event in events:
        RecordEvent(store, lambda _event: True)(event, Cause.of(event))
    return store


def seen(story: Story, plan: Plan | None = None) -> FlowView:
    view = fold(facts_of(story.flow_id, kept(story.events).facts(story.flow_id)), plan)
    assert view is not None
    return view


def states(view: FlowView) -> dict[str, str]:
    return {phase.phase.value: phase.state.value for phase in view.phases}


def jobs(view: FlowView, phase: Phase) -> dict[str, JobView]:
    return {job.title: job for job in view.phase(phase).jobs}


def aborted_while_baking() -> Story:
    story = to_staging().wait(5).stopped(FlowAborted, "wrong price", phase=Phase.BAKE, by="grace")
    return story.rolled_back("staging", there(version="2"))


def aborted_in_production() -> Story:
    story = to_production().stopped(FlowAborted, "no", phase=Phase.PRODUCTION)
    return story.rolled_back("production", there(version="1"))


def a_check() -> Story:
    return Story(intent=Intent.CHECK).requested().built().tested()


STORIES = {
    "promoted": to_production,
    "failed": with_a_failing_gate,
    "aborted": aborted_while_baking,
    "aborted in production": aborted_in_production,
    "a check": a_check,
}


@pytest.mark.parametrize("name", STORIES)
def test_any_order_and_any_number_of_deliveries_give_the_same_view(name: str) -> None:
    story = STORIES[name]()
    expected = seen(story)
    for seed in range(50):
        shuffled = story.events * 3
        random.Random(seed).shuffle(shuffled)
        store = kept(shuffled)
        assert store.texts == kept(story.events).texts
        assert fold(facts_of(FLOW_ID, store.facts(FLOW_ID))) == expected


def test_two_tellings_of_one_outcome_leave_the_earlier_whichever_comes_first() -> None:
    first, second = Story().requested(), Story(seconds=3).requested()
    for events in (first.events + second.events, second.events + first.events):
        assert kept(events).texts == kept(first.events).texts


def test_one_event_is_one_call() -> None:
    story = to_production()
    assert kept(story.events).calls == len(story.events)


def test_a_flow_runs_from_its_request_on() -> None:
    view = seen(Story().requested())
    assert (view.state, view.intent, view.release) == (FlowState.RUNNING, None, None)
    assert (view.repository, view.branch, view.author, view.title) == (
        "acme/shop",
        "main",
        "Ada",
        "Sell more",
    )
    assert (view.started_at, view.finished_at) == (at(0), None)
    assert states(view) == {
        "build": "running",
        "test": "waiting",
        "staging": "waiting",
        "bake": "waiting",
        "production": "waiting",
    }


def test_a_release_bakes_until_its_deadline() -> None:
    story = to_staging()
    view = seen(story)
    assert view.state is FlowState.BAKING
    assert view.bakes_until == view.phase(Phase.BAKE).deadline
    assert view.release == VERSION
    assert states(view) == {
        "build": "succeeded",
        "test": "succeeded",
        "staging": "succeeded",
        "bake": "running",
        "production": "waiting",
    }


def test_a_promoted_release_no_longer_bakes() -> None:
    view = seen(to_staging().promoted(by="grace"))
    assert (view.state, view.bakes_until, view.promoted_by) == (FlowState.RUNNING, None, "grace")
    assert view.phase(Phase.PRODUCTION).state is PhaseState.RUNNING
    assert view.phase(Phase.BAKE).reason == "promoted by grace"


def test_a_release_has_succeeded_when_production_runs_it() -> None:
    story = to_production()
    view = seen(story)
    assert view.state is FlowState.SUCCEEDED
    assert view.finished_at == story.events[-1].time
    assert set(states(view).values()) == {"succeeded"}


def test_stages_tell_their_jobs_and_times() -> None:
    plan = a_plan(gates=(a_gate("lint"), a_gate("unit"), a_gate("types")))
    view = seen(to_production(), plan)
    build, test = view.phase(Phase.BUILD), view.phase(Phase.TEST)
    assert (build.started_at, build.finished_at) == (at(0), at(2))
    assert [job.title for job in build.jobs] == ["build (orders)"]
    assert [job.title for job in test.jobs] == ["lint (orders)", "unit (orders)"]
    assert test.reused == ("types (orders)",)
    assert (test.jobs[0].started_at, test.jobs[0].finished_at) == (at(2.5), at(3))


def test_a_check_has_succeeded_when_its_gates_have_passed() -> None:
    view = seen(a_check())
    assert view.state is FlowState.SUCCEEDED
    assert states(view) == {
        "build": "succeeded",
        "test": "succeeded",
        "staging": "skipped",
        "bake": "skipped",
        "production": "skipped",
    }
    assert view.phase(Phase.STAGING).reason == "a check ends with its gates"


def test_a_preview_has_succeeded_when_its_environment_runs_it() -> None:
    story = Story(intent=Intent.PREVIEW).requested().built().tested()
    assert seen(story).state is FlowState.RUNNING
    view = seen(story.deployed("preview", there()))
    assert view.state is FlowState.SUCCEEDED
    assert states(view)["staging"] == "succeeded"
    assert states(view)["production"] == "skipped"


def test_a_release_without_staging_goes_straight_to_production() -> None:
    plan = a_plan(release=a_release(staging=None))
    story = Story().requested().built().tested()
    under_way = states(seen(story, plan))
    assert (under_way["staging"], under_way["bake"]) == ("skipped", "skipped")
    assert under_way["production"] == "running"
    without_plan = states(seen(story.deployed("production")))
    assert (without_plan["staging"], without_plan["production"]) == ("skipped", "succeeded")


def test_a_failing_gate_tells_command_exit_code_and_the_end_of_its_log() -> None:
    view = seen(with_a_failing_gate())
    assert view.state is FlowState.FAILED
    assert view.reason == "gate unit (orders) failed with exit code 1"
    assert states(view) == {
        "build": "succeeded",
        "test": "failed",
        "staging": "skipped",
        "bake": "skipped",
        "production": "skipped",
    }
    (job,) = view.failed_jobs
    assert (job.state, job.exit_code, job.command) == ("failed", 1, "pytest -q")
    assert job.tail.endswith("1 failed")
    assert view.phase(Phase.PRODUCTION).reason == "the flow failed earlier"


def test_the_job_that_a_flow_failed_of_is_known_before_its_own_facts() -> None:
    story = with_a_failing_gate()
    story.events = [event for event in story.events if not isinstance(event.data, JobFinished)]
    (job,) = seen(story).failed_jobs
    assert (job.title, job.exit_code, job.command) == ("unit (orders)", 1, "pytest -q")


def test_a_flow_that_fails_without_a_stage_failed_where_it_was() -> None:
    view = seen(Story().requested().stopped(FlowFailed, "penstock.yml, line 3: no such field"))
    assert states(view)["build"] == "failed"
    assert view.phase(Phase.BUILD).reason == "penstock.yml, line 3: no such field"


def test_an_aborted_release_says_who_and_where_staging_is_back() -> None:
    view = seen(aborted_while_baking())
    assert (view.state, view.reason, view.stopped_by) == ("aborted", "wrong price", "grace")
    assert states(view) == {
        "build": "succeeded",
        "test": "succeeded",
        "staging": "rolled-back",
        "bake": "aborted",
        "production": "skipped",
    }
    assert view.phase(Phase.STAGING).reason == "staging is back on orders 2"
    (rollback,) = view.rollbacks
    assert (rollback.environment, rollback.role) == ("staging", EnvironmentRole.STAGING)
    assert rollback.components[0].version == "2"


def test_a_component_that_was_new_is_gone_after_its_roll_back() -> None:
    story = to_staging().stopped(FlowAborted, "no").rolled_back("staging", there(version=""))
    view = seen(story)
    assert view.phase(Phase.STAGING).reason == "staging is again without orders"


def test_only_what_had_to_be_put_back_is_told() -> None:
    story = to_staging().stopped(FlowAborted, "no", phase=Phase.BAKE)
    story.rolled_back("staging", there(version="2"), there("catalog", deployed=False))
    view = seen(story)
    assert view.phase(Phase.STAGING).reason == "staging is back on orders 2"
    assert [one.name for one in view.rollbacks[0].components] == ["orders"]


def test_an_environment_that_was_as_it_should_be_is_not_rolled_back() -> None:
    story = to_staging().stopped(FlowAborted, "no", phase=Phase.BAKE)
    view = seen(story.rolled_back("staging", there(deployed=False)))
    assert view.phase(Phase.STAGING).state is PhaseState.SUCCEEDED
    assert view.rollbacks == ()


def test_a_roll_back_that_got_stuck_says_so() -> None:
    story = to_staging().stopped(FlowAborted, "no", phase=Phase.BAKE)
    story.rolled_back("staging", there(version="2"), reason="no; could not roll back catalog")
    assert seen(story).phase(Phase.STAGING).reason.endswith("; no; could not roll back catalog")


def test_a_failed_deployment_keeps_its_reason_beside_the_roll_back() -> None:
    story = Story().requested().built().tested()
    story.stopped(FlowFailed, "no permission", phase=Phase.STAGING).rolled_back("staging", there())
    phase = seen(story).phase(Phase.STAGING)
    assert phase.state is PhaseState.FAILED
    assert phase.reason == "no permission; rolled back: staging is back on orders 3"


def test_an_abort_outweighs_an_arrival_in_production() -> None:
    story = aborted_in_production()
    view = seen(story)
    assert (view.state, view.finished_at) == (FlowState.ABORTED, story.events[-2].time)
    assert states(view)["production"] == "rolled-back"


@pytest.mark.parametrize("how", [FlowFailed, FlowSuperseded])
def test_nothing_else_outweighs_an_arrival_in_production(
    how: type[FlowFailed | FlowSuperseded],
) -> None:
    assert seen(to_production().stopped(how, "too late")).state is FlowState.SUCCEEDED


def test_the_earliest_end_is_the_end() -> None:
    story = Story(intent=Intent.CHECK).requested().built().tested()
    assert seen(story.stopped(FlowAborted, "too late")).state is FlowState.SUCCEEDED
    story = Story().requested().stopped(FlowSuperseded, "newer").stopped(FlowFailed, "broken")
    assert seen(story).state is FlowState.SUPERSEDED


def test_a_stage_that_still_ran_ends_with_the_flow() -> None:
    story = Story().requested().built().tested().bakes()
    story.stopped(FlowAborted, "no", phase=Phase.BAKE)
    staging = seen(story).phase(Phase.STAGING)
    assert (staging.state, staging.finished_at) == (PhaseState.ABORTED, story.events[-1].time)


def test_a_running_job_is_shown_with_its_newest_attempt() -> None:
    story = Story().requested().built().job_begins("test-runner", "unit")
    story.wait(30).job_begins("test-runner", "unit", attempt=2)
    job = jobs(seen(story), Phase.TEST)["unit (orders)"]
    assert (job.state, job.attempts, job.started_at) == ("running", 2, story.events[-1].time)
    assert job.log_stream.endswith("/2")


def test_the_end_of_a_job_outweighs_its_beginning_of_the_same_attempt() -> None:
    story = Story().requested().built().job("test-runner", "unit", state=JobState.SUCCEEDED)
    story.job_begins("test-runner", "unit")
    assert jobs(seen(story), Phase.TEST)["unit (orders)"].state == "succeeded"


def test_planned_gates_wait_until_they_begin() -> None:
    plan = a_plan(gates=(a_gate("lint"), a_gate("unit"), a_gate("audit", None)))
    story = Story().requested().built().job("test-runner", "lint")
    found = jobs(seen(story, plan), Phase.TEST)
    assert {title: job.state for title, job in found.items()} == {
        "lint (orders)": "succeeded",
        "audit": "waiting",
        "unit (orders)": "waiting",
    }
    assert found["unit (orders)"].job_id is None
    assert list(jobs(seen(story.tested(), plan), Phase.TEST)) == ["lint (orders)"]


def test_a_deployers_jobs_stand_where_they_ran() -> None:
    story = Story().requested().built().tested()
    story.job("deployer", "deploy", environment="production").deployed("production")
    # What staging says comes late: only its name tells where it ran.
    story.bakes(1).promoted().job("deployer", "deploy-first", environment="staging")
    view = seen(story)
    assert list(jobs(view, Phase.STAGING)) == ["deploy-first (orders)"]
    assert list(jobs(view, Phase.PRODUCTION)) == ["deploy (orders)"]


def test_a_plan_tells_which_environment_is_production_before_it_is_reached() -> None:
    plan = a_plan(release=a_release(staging=None))
    production = plan.release.production.name if plan.release else ""
    story = Story().requested().built().tested()
    story.job("deployer", "deploy", environment=production)
    assert list(jobs(seen(story, plan), Phase.PRODUCTION)) == ["deploy (orders)"]


@pytest.mark.parametrize("how", [FlowFailed, FlowAborted, FlowSuperseded])
def test_in_a_flow_that_was_stopped_no_job_runs_or_waits(
    how: type[FlowFailed | FlowAborted | FlowSuperseded],
) -> None:
    plan = a_plan(gates=(a_gate("lint"), a_gate("unit"), a_gate("types")))
    story = Story().requested().built().job("test-runner", "lint").job_begins("test-runner", "unit")
    view = seen(story.stopped(how, "no"), plan)
    found = jobs(view, Phase.TEST)
    assert {title: job.state for title, job in found.items()} == {
        "lint (orders)": "succeeded",
        "unit (orders)": "cancelled",
        "types (orders)": "not-run",
    }
    assert found["unit (orders)"].finished_at == view.finished_at


def test_a_command_that_undoes_a_stopped_flow_runs_on() -> None:
    story = to_staging().stopped(FlowAborted, "no", phase=Phase.BAKE)
    story.says(story.started("deployer", "rollback", environment="staging"))
    assert jobs(seen(story), Phase.STAGING)["rollback (orders)"].state == "running"


def test_a_deployment_of_a_stopped_flow_runs_until_its_environment_is_put_back() -> None:
    story = Story().requested().built().tested()
    story.says(story.started("deployer", "deploy", environment="staging"))
    story.stopped(FlowAborted, "no", phase=Phase.STAGING)
    assert jobs(seen(story), Phase.STAGING)["deploy (orders)"].state == "running"
    story.rolled_back("staging", there(version="2"))
    assert jobs(seen(story), Phase.STAGING)["deploy (orders)"].state == "cancelled"


def test_tries_of_a_gate_are_told_apart() -> None:
    plan = a_plan(gates=(a_gate("unit", retries=2), a_gate("lint", retries=1)))
    story = Story().requested().built().job("test-runner", "lint")
    story.job("test-runner", "unit", state=JobState.FAILED, tried=1)
    story.job("test-runner", "unit", tried=2)
    found = seen(story, plan).phase(Phase.TEST).jobs
    assert [(job.name, job.tried, job.tries) for job in found] == [
        ("lint", 1, 1),
        ("unit", 1, 3),
        ("unit", 2, 3),
    ]


def test_after_a_rollback_components_show_what_runs_now() -> None:
    orders, catalog = seen(aborted_while_baking()).components
    assert (orders.version, orders.deployed) == ("2", False)
    assert [(there.environment, there.rolled_back) for there in orders.deployments] == [
        ("staging", True)
    ]
    assert (catalog.version, catalog.deployments[0].rolled_back) == ("7", False)


def test_after_a_rollback_that_names_nothing_no_version_is_claimed() -> None:
    view = seen(to_staging().stopped(FlowAborted, "no").rolled_back("staging"))
    orders, catalog = view.components
    assert (orders.version, orders.deployed, orders.deployments[0].rolled_back) == ("", False, True)
    assert (catalog.version, catalog.deployments[0].rolled_back) == ("7", False)


def test_an_environment_of_many_components_is_told_like_one_of_few() -> None:
    many = [there(f"component-{number:04}") for number in range(500)]
    story = Story().requested().built().tested().deployed("staging", *many).bakes()
    before = [there(one.name, "2") for one in many]
    story.stopped(FlowAborted, "no", phase=Phase.BAKE).rolled_back("staging", *before)
    view = seen(story)
    assert len(view.components) == 500
    assert {(one.version, one.deployed) for one in view.components} == {("2", False)}
    reason = "staging is back on what it ran before: 500 components"
    assert view.phase(Phase.STAGING).reason == reason


def test_a_list_knows_how_a_flow_of_many_components_went_without_reading_them() -> None:
    many = [there(f"component-{number:04}") for number in range(500)]
    story = to_staging().stopped(FlowAborted, "no", phase=Phase.BAKE).rolled_back("staging", *many)
    store = kept(story.events)
    view = fold(facts_of(FLOW_ID, store.facts_of_part(FLOW_ID, FLOW)))
    assert view is not None
    assert states(view)["staging"] == "rolled-back"


def test_only_the_first_failures_carry_the_end_of_their_log() -> None:
    story = Story().requested().built()
    for number in range(MOST_TAILS + 1):
        story.job("test-runner", f"gate-{number}", state=JobState.FAILED, tail="E")
    told = [bool(job.tail) for job in seen(story).failed_jobs]
    assert told == [True] * MOST_TAILS + [False]


def test_components_tell_what_was_built_and_deployed_and_why() -> None:
    plan = a_plan(
        components=(
            a_component("orders", built=True, reason="services/orders changed"),
            a_component("catalog", reason="nothing of it changed"),
            a_component("docs"),
        )
    )
    orders, catalog, docs = seen(to_production(), plan).components
    assert (orders.built, orders.deployed, orders.version) == (True, True, "2")
    assert orders.reason == "services/orders changed"
    assert [there.environment for there in orders.deployments] == ["staging", "production"]
    assert (catalog.built, catalog.deployed, catalog.version) == (False, False, "7")
    assert catalog.deployments[0].reason == "the environment runs it already"
    assert (docs.built, docs.deployed, docs.version, docs.reason) == (False, False, "", "")


def test_without_a_plan_components_are_those_of_the_deployments() -> None:
    orders, catalog = seen(to_staging()).components
    assert (orders.name, orders.deployed, orders.reason) == ("orders", True, "its input changed")
    assert (catalog.name, catalog.deployed) == ("catalog", False)


def test_a_plan_without_gates_is_told() -> None:
    view = seen(Story().requested().built().tested(), a_plan(gates=()))
    assert view.phase(Phase.TEST).reason == "there was no gate to run"


def test_facts_that_do_not_tell_what_the_flow_is_about_make_no_view() -> None:
    story = Story().stopped(FlowAborted, "before it began")
    assert fold(facts_of(FLOW_ID, kept(story.events).facts(FLOW_ID))) is None


def test_a_flow_whose_request_was_lost_is_shown_by_what_followed() -> None:
    view = seen(Story().built())
    assert (view.repository, view.started_at, view.title) == ("acme/shop", at(0), "")
    assert states(view)["build"] == "succeeded"


def test_a_fact_of_a_newer_version_is_left_aside() -> None:
    store = kept(Story().requested().events)
    store.texts[FLOW_ID, "flow", "teleported"] = "{}"
    view = fold(facts_of(FLOW_ID, store.facts(FLOW_ID)))
    assert view is not None


def test_a_flow_is_undoing_until_each_environment_it_reached_is_told_to_be_back() -> None:
    story = to_staging().stopped(FlowAborted, "no", phase=Phase.BAKE)
    assert seen(story).undoing
    assert not seen(story.rolled_back("staging", there(deployed=False))).undoing
    assert not seen(with_a_failing_gate()).undoing
    assert not seen(to_production()).undoing


def test_a_pull_request_is_shown_with_where_it_is_from_and_what_is_checked() -> None:
    change = {"pull_request": 7, "fork": "eve/shop", "base": Base(ref="refs/heads/main")}
    story = Story(change=change).requested()

    early, later = seen(story), seen(story, a_plan(merge="d" * 40))

    expected = PullRequestView(number=7, fork="eve/shop", base="refs/heads/main")
    assert early.pull_request == expected
    assert later.pull_request == expected.model_copy(update={"merge": "d" * 40})
    assert seen(Story().requested()).pull_request is None


def test_gates_that_are_proven_are_told_with_their_flow_while_others_run() -> None:
    plan = a_plan(gates=(a_gate("lint"), a_gate("unit"), a_gate("types")))
    story = Story().requested().built()
    proofs = (GateProofs(flow_id=OTHER_FLOW_ID, sha=SHA, gates=Positions.of([0])),)
    story.says(GatesProven(proofs=proofs, doubted=Positions.of([1])))
    story.job("test-runner", "unit", position=1)

    phase = seen(story, plan).phase(Phase.TEST)

    assert [(one.flow_id, one.sha, one.gates) for one in phase.proven] == [
        (OTHER_FLOW_ID, SHA, ("lint (orders)",))
    ]
    assert phase.reused == ("lint (orders)",)
    assert [(job.title, job.state, job.flaky) for job in phase.jobs] == [
        ("unit (orders)", "succeeded", True),
        ("types (orders)", "waiting", False),
    ]


def test_gates_of_a_matrix_that_may_fail_and_leave_files_are_shown_as_planned() -> None:
    gates = [
        a_gate("unit", variant=version, allow_failure=True, artifacts=("shots.zip",))
        for version in ("3.12", "3.13")
    ]
    story = Story().requested().built()
    kept = an_output("artifact-0", "reports/release/x/artifact-0")
    story.job(
        "test-runner", "unit", position=1, state=JobState.FAILED, exit_code=1, outputs=(kept,)
    )
    story.job("test-runner", "unit", position=0, tried=2).tested()

    phase = seen(story, a_plan(gates=tuple(gates))).phase(Phase.TEST)

    assert {job.title: job.state for job in phase.jobs} == {
        "unit (orders, 3.13)": "failed",
        "unit (orders, 3.12)": "succeeded",
    }
    failed = next(job for job in phase.jobs if job.failed)
    assert [(one.path, one.key) for one in failed.artifacts] == [("shots.zip", kept.key)]
    assert phase.reason == "failed, which is allowed: unit (orders, 3.13)"


def test_staging_is_not_done_before_the_gates_there() -> None:
    gates = (a_gate("unit"), a_gate("system", after="staging"))
    plan = a_plan(gates=gates, release=a_release(gates_in_staging=True))
    story = Story().requested().built().job("test-runner", "unit").tested()
    story.deployed("staging", there())
    story.job("test-runner", "system", environment="staging", position=1)

    staging = seen(story, plan).phase(Phase.STAGING)
    assert (staging.state, [job.name for job in staging.jobs]) == (PhaseState.RUNNING, ["system"])
    assert [job.name for job in seen(story, plan).phase(Phase.TEST).jobs] == ["unit"]

    story.says(EnvironmentPassed(environment="staging"))
    assert seen(story, plan).phase(Phase.STAGING).state is PhaseState.SUCCEEDED
