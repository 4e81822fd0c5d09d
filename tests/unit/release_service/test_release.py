"""Bake, promote, abort: the first writer of the release wins, and the other is refused."""

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from penstock_shared.contracts.commands import AbortRelease, PromoteRelease
from penstock_shared.contracts.events import (
    BakeStarted,
    DeployDone,
    EnvironmentPassed,
    EnvironmentRole,
    FlowAborted,
    FlowFailed,
    FlowSuperseded,
    Phase,
    ReleasePromoted,
)
from penstock_shared.contracts.plan import EnvironmentMode
from penstock_shared.decisions import Outcome, Result
from penstock_shared.errors import RefusedMessageError
from penstock_shared.observability import Telemetry
from penstock_shared.persistence.outbox import Records
from penstock_shared.persistence.sweep import Sweep
from penstock_shared.testing.fakes import FakeClock, RecordingPublisher, fake_records
from release_service.domain.release import Release, ReleaseState, overdue
from release_service.domain.seat import Seat
from release_service.use_cases.begin_bake import BeginBake
from release_service.use_cases.end_bake import EndBake
from release_service.use_cases.follow_deployment import FinishRelease, FollowDeployment
from release_service.use_cases.follow_gates import FollowGates
from release_service.use_cases.judge_command import JudgeCommand
from release_service.use_cases.stop_release import StopRelease
from release_service.use_cases.sweep_releases import SweepReleases
from tests.support.builders import (
    FLOW_ID,
    OTHER_FLOW_ID,
    a_cause,
    a_deploy_done,
    a_release,
    an_environment,
    an_event,
)


@dataclass
class FakeBakes:
    """Remembers which waits were requested."""

    waits: dict[str, datetime] = field(default_factory=dict)

    def ensure(self, flow_id: str, deadline: datetime) -> None:
        self.waits[flow_id] = deadline


@dataclass
class FakeRelease:
    """The release service with everything outside of it in memory."""

    clock: FakeClock = field(default_factory=FakeClock)
    bakes: FakeBakes = field(default_factory=FakeBakes)

    def __post_init__(self) -> None:
        self.releases: Records[Release] = fake_records(clock=self.clock)
        self.seats: Records[Seat] = fake_records(clock=self.clock)

    @property
    def _begin(self) -> BeginBake:
        return BeginBake(self.releases, self.seats, self.bakes, self.clock)

    def staged(self, flow_id: str = FLOW_ID, token: int = 1, **release: Any) -> Outcome[Release]:
        return self.begin(flow_id, a_deploy_done(token=token, release=a_release(**release)))

    def begin(self, flow_id: str, done: DeployDone) -> Outcome[Release]:
        return self._begin(an_event(done, flow_id), a_cause(flow_id))

    def end_bake(self, flow_id: str = FLOW_ID) -> Outcome[Release]:
        return EndBake(self.releases, self.clock)(flow_id)

    def command(
        self, kind: type[AbortRelease | PromoteRelease], flow_id: str = FLOW_ID
    ) -> Outcome[Release]:
        command = kind(flow_id=flow_id, reason="it smells", by="ada")
        return JudgeCommand(self.releases, self.clock)(command, a_cause(flow_id))

    def produced(self, flow_id: str = FLOW_ID) -> Outcome[Release]:
        done: DeployDone = a_deploy_done(role=EnvironmentRole.PRODUCTION)
        return FinishRelease(self.releases)(an_event(done, flow_id), a_cause(flow_id))

    def sweep(self) -> int:
        sweep = Sweep(
            self.releases, Telemetry("test"), overdue, lambda _key, release: release.flow_id
        )
        return SweepReleases(sweep, self.bakes)()

    def state(self, flow_id: str = FLOW_ID) -> ReleaseState:
        record = self.releases.get(flow_id)
        assert record
        return record.state

    @property
    def said(self) -> RecordingPublisher:
        assert isinstance(self.releases.publisher, RecordingPublisher)
        return self.releases.publisher

    def deployed(self, role: EnvironmentRole) -> Outcome[Release] | None:
        follow = FollowDeployment(lambda: self._begin, FinishRelease(self.releases))
        return follow(an_event(a_deploy_done(role=role)), a_cause())


@pytest.fixture
def fake() -> FakeRelease:
    return FakeRelease()


def test_a_preview_is_no_release(fake: FakeRelease) -> None:
    assert fake.deployed(EnvironmentRole.PREVIEW) is None
    assert fake.releases.get(FLOW_ID) is None


def test_a_release_without_staging_is_first_heard_of_when_production_runs_it(
    fake: FakeRelease,
) -> None:
    fake.deployed(EnvironmentRole.PRODUCTION)

    assert fake.state() is ReleaseState.RELEASED


def test_the_bake_begins_when_staging_runs_it(fake: FakeRelease) -> None:
    fake.staged(bake=60)

    started = fake.said.only(BakeStarted)[0]
    assert started.deadline == fake.clock() + timedelta(seconds=60)
    assert fake.bakes.waits == {FLOW_ID: started.deadline}


def test_without_a_bake_it_is_promoted_at_once(fake: FakeRelease) -> None:
    fake.staged(bake=0)

    assert fake.said.types() == ["release-promoted"]
    assert fake.bakes.waits == {}


def test_it_is_promoted_when_it_has_baked(fake: FakeRelease) -> None:
    fake.staged(bake=60)
    fake.clock.advance(seconds=60)

    assert fake.end_bake().applied
    assert fake.state() is ReleaseState.PROMOTING
    assert fake.produced().applied
    assert fake.state() is ReleaseState.RELEASED


def test_a_wait_that_ends_early_promotes_nothing(fake: FakeRelease) -> None:
    fake.staged(bake=60)
    fake.clock.advance(seconds=30)

    assert fake.end_bake().result is Result.STALE
    assert fake.said.only(ReleasePromoted) == []


def test_a_second_delivery_neither_restarts_the_clock_nor_says_it_again(fake: FakeRelease) -> None:
    fake.staged(bake=60)
    deadline = fake.bakes.waits[FLOW_ID]
    fake.clock.advance(seconds=20)

    assert fake.staged(bake=60).result is Result.ALREADY_DONE
    assert fake.bakes.waits == {FLOW_ID: deadline}
    assert len(fake.said.only(BakeStarted)) == 1


def test_an_abort_during_the_bake_stops_it(fake: FakeRelease) -> None:
    fake.staged(bake=60)
    fake.command(AbortRelease)

    aborted = fake.said.only(FlowAborted)[0]
    assert (aborted.phase, aborted.reason, aborted.by) == (Phase.BAKE, "it smells", "ada")
    fake.clock.advance(seconds=60)
    assert fake.end_bake().result is Result.ALREADY_DONE
    assert fake.said.only(ReleasePromoted) == []


def test_an_abort_before_the_release_exists_waits_for_it(fake: FakeRelease) -> None:
    fake.command(AbortRelease)
    outcome = fake.staged(bake=60)

    assert outcome.result is Result.ALREADY_DONE
    assert fake.state() is ReleaseState.ABORTED
    assert fake.said.types() == ["flow-aborted"]


def test_an_abort_during_production_wins(fake: FakeRelease) -> None:
    fake.staged(bake=0)
    fake.command(AbortRelease)

    assert fake.said.only(FlowAborted)[0].phase is Phase.PRODUCTION
    assert fake.produced().result is Result.ALREADY_DONE
    assert fake.state() is ReleaseState.ABORTED


def test_an_abort_after_production_is_too_late_and_says_so(fake: FakeRelease) -> None:
    fake.staged(bake=0)
    fake.produced()

    outcome = fake.command(AbortRelease)

    assert outcome.result is Result.ALREADY_DONE
    assert "too late" in outcome.reason
    assert fake.said.only(FlowAborted) == []


def test_a_second_abort_says_nothing_new(fake: FakeRelease) -> None:
    fake.staged(bake=60)
    fake.command(AbortRelease)
    fake.command(AbortRelease)

    assert len(fake.said.only(FlowAborted)) == 1


def test_somebody_may_promote_before_the_time(fake: FakeRelease) -> None:
    fake.staged(bake=3600)

    assert fake.command(PromoteRelease).applied
    assert fake.said.only(ReleasePromoted)[0].by == "ada"


def test_nothing_is_promoted_that_does_not_bake(fake: FakeRelease) -> None:
    assert fake.command(PromoteRelease).result is Result.STALE
    fake.command(AbortRelease)
    assert fake.command(PromoteRelease).result is Result.ALREADY_DONE


@pytest.mark.parametrize("seed", range(50))
def test_a_promotion_that_races_an_abort_loses_or_is_rolled_back(seed: int) -> None:
    """An abort is never refused before production is done, whatever it races with, and it is the
    last word that the flow says."""
    fake = FakeRelease()
    fake.staged(bake=60)
    fake.clock.advance(seconds=60)
    commands = [partial(fake.command, kind) for kind in (PromoteRelease, AbortRelease)]
    racers = [fake.end_bake, *commands]
    random.Random(seed).shuffle(racers)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda racer: racer(), racers))

    assert fake.state() is ReleaseState.ABORTED
    assert len({event.id for event in fake.said.said if event.type == "flow-aborted"}) == 1
    assert len({event.id for event in fake.said.said if event.type == "release-promoted"}) <= 1


def test_a_newer_release_takes_the_seat_in_staging(fake: FakeRelease) -> None:
    fake.staged(FLOW_ID, token=1)
    fake.staged(OTHER_FLOW_ID, token=2)

    assert fake.state(FLOW_ID) is ReleaseState.STOPPED
    assert fake.state(OTHER_FLOW_ID) is ReleaseState.BAKING
    superseded = fake.said.only(FlowSuperseded)[0]
    assert OTHER_FLOW_ID in superseded.reason


def test_two_releases_in_reverse_order_end_as_in_order(fake: FakeRelease) -> None:
    fake.staged(OTHER_FLOW_ID, token=2)
    fake.staged(FLOW_ID, token=1)

    assert fake.state(FLOW_ID) is ReleaseState.STOPPED
    assert fake.state(OTHER_FLOW_ID) is ReleaseState.BAKING


def test_a_release_that_left_its_bake_is_not_superseded(fake: FakeRelease) -> None:
    fake.staged(FLOW_ID, token=1)
    fake.command(PromoteRelease, FLOW_ID)
    fake.staged(OTHER_FLOW_ID, token=2)

    assert fake.state(FLOW_ID) is ReleaseState.PROMOTING
    assert fake.said.only(FlowSuperseded) == []


def test_in_a_parallel_environment_releases_bake_side_by_side(fake: FakeRelease) -> None:
    parallel = an_environment("staging", mode=EnvironmentMode.PARALLEL)
    fake.staged(FLOW_ID, token=1, staging=parallel)
    fake.staged(OTHER_FLOW_ID, token=2, staging=parallel)

    assert fake.state(FLOW_ID) is ReleaseState.BAKING
    assert fake.state(OTHER_FLOW_ID) is ReleaseState.BAKING


def test_a_flow_that_failed_elsewhere_is_not_promoted(fake: FakeRelease) -> None:
    fake.staged(bake=60)
    stopped = FlowFailed(reason="production burns")
    StopRelease(fake.releases)(an_event(stopped), a_cause())
    fake.clock.advance(seconds=60)

    assert fake.end_bake().result is Result.ALREADY_DONE


def test_a_failure_that_comes_first_keeps_the_release_from_baking(fake: FakeRelease) -> None:
    StopRelease(fake.releases)(an_event(FlowFailed(reason="no")), a_cause())

    assert fake.staged().result is Result.ALREADY_DONE
    assert fake.bakes.waits == {}


def test_a_release_without_staging_is_released_by_production(fake: FakeRelease) -> None:
    assert fake.produced().applied
    assert "too late" in fake.command(AbortRelease).reason


def test_a_bake_whose_wait_was_lost_is_promoted_by_the_sweeper(fake: FakeRelease) -> None:
    fake.staged(bake=60)
    fake.clock.advance(seconds=61)

    fake.sweep()

    assert fake.state() is ReleaseState.PROMOTING


def test_the_sweeper_starts_a_lost_wait_again(fake: FakeRelease) -> None:
    fake.staged(bake=600)
    deadline = fake.bakes.waits.pop(FLOW_ID)

    fake.sweep()

    assert fake.bakes.waits == {FLOW_ID: deadline}


def test_a_production_that_never_answers_fails_the_flow(fake: FakeRelease) -> None:
    fake.staged(bake=0)
    fake.clock.advance(hours=3)

    fake.sweep()

    assert "production did not answer" in fake.said.only(FlowFailed)[0].reason


def test_a_release_that_deploys_nothing_does_not_bake_and_says_so(fake: FakeRelease) -> None:
    done = a_deploy_done(release=a_release(bake=7200), nothing_to_deploy=True)

    fake.begin(FLOW_ID, done)

    [promoted] = fake.said.only(ReleasePromoted)
    assert promoted.reason == "nothing to deploy: staging and production run all of it"
    assert fake.said.types() == ["release-promoted"]
    assert fake.bakes.waits == {}


def test_a_release_that_deploys_nothing_leaves_the_one_that_bakes_alone(fake: FakeRelease) -> None:
    fake.staged(FLOW_ID, token=1, bake=60)

    fake.begin(OTHER_FLOW_ID, a_deploy_done(token=2, release=a_release(), nothing_to_deploy=True))

    assert fake.state(FLOW_ID) is ReleaseState.BAKING


def test_a_deployment_that_does_not_say_its_release_is_refused(fake: FakeRelease) -> None:
    with pytest.raises(RefusedMessageError, match="run the flow again"):
        fake.begin(FLOW_ID, a_deploy_done(release=None))


def verify(fake: FakeRelease, flow_id: str = FLOW_ID) -> Outcome[Release]:
    follow = FollowGates(fake.releases, fake.bakes, fake.clock)
    return follow(an_event(EnvironmentPassed(environment="staging"), flow_id), a_cause(flow_id))


def test_a_release_bakes_once_its_gates_in_staging_have_passed(fake: FakeRelease) -> None:
    fake.staged(bake=60, gates_in_staging=True)
    assert fake.state() is ReleaseState.VERIFYING
    assert fake.said.types() == []
    assert fake.bakes.waits == {}

    verify(fake)

    started = fake.said.only(BakeStarted)[0]
    assert fake.state() is ReleaseState.BAKING
    assert fake.bakes.waits == {FLOW_ID: started.deadline}
    assert verify(fake).result is Result.ALREADY_DONE


def test_without_a_bake_the_gates_in_staging_promote_it(fake: FakeRelease) -> None:
    fake.staged(bake=0, gates_in_staging=True)
    assert fake.said.types() == []

    verify(fake)

    assert fake.said.types() == ["release-promoted"]


def test_nobody_promotes_a_release_past_its_gates(fake: FakeRelease) -> None:
    fake.staged(bake=60, gates_in_staging=True)

    outcome = fake.command(PromoteRelease)

    assert (outcome.result, outcome.reason) == (
        Result.STALE,
        "its gates in staging have not passed yet",
    )


def test_an_abort_while_the_gates_run_wins(fake: FakeRelease) -> None:
    fake.staged(bake=60, gates_in_staging=True)
    fake.command(AbortRelease)

    assert fake.said.only(FlowAborted)[0].phase is Phase.STAGING
    assert verify(fake).result is Result.ALREADY_DONE
    assert fake.state() is ReleaseState.ABORTED


def test_a_newer_release_supersedes_one_whose_gates_run(fake: FakeRelease) -> None:
    fake.staged(FLOW_ID, token=1, gates_in_staging=True)
    fake.staged(OTHER_FLOW_ID, token=2, gates_in_staging=True)

    assert fake.state(FLOW_ID) is ReleaseState.STOPPED
    assert fake.state(OTHER_FLOW_ID) is ReleaseState.VERIFYING


def test_gates_that_never_answer_fail_the_flow(fake: FakeRelease) -> None:
    fake.staged(bake=60, gates_in_staging=True)
    fake.clock.advance(hours=25)
    fake.sweep()

    assert fake.said.only(FlowFailed)[0].phase is Phase.STAGING
