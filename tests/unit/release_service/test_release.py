"""Bake, promote, abort: whoever writes the release first has won, and the other is told."""

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
    EnvironmentRole,
    FlowAborted,
    FlowFailed,
    FlowSuperseded,
    ReleasePromoted,
    Stage,
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
    """Remembers which waits were asked for."""

    waits: dict[str, datetime] = field(default_factory=dict)

    def ensure(self, flow_id: str, deadline: datetime) -> None:
        self.waits[flow_id] = deadline


@dataclass
class Room:
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
def room() -> Room:
    return Room()


def test_a_preview_is_no_release(room: Room) -> None:
    assert room.deployed(EnvironmentRole.PREVIEW) is None
    assert room.releases.get(FLOW_ID) is None


def test_a_release_without_staging_is_first_heard_of_when_production_runs_it(room: Room) -> None:
    room.deployed(EnvironmentRole.PRODUCTION)

    assert room.state() is ReleaseState.RELEASED


def test_the_bake_begins_when_staging_runs_it(room: Room) -> None:
    room.staged(bake=60)

    started = room.said.only(BakeStarted)[0]
    assert started.deadline == room.clock() + timedelta(seconds=60)
    assert room.bakes.waits == {FLOW_ID: started.deadline}


def test_without_a_bake_it_is_promoted_at_once(room: Room) -> None:
    room.staged(bake=0)

    assert room.said.types() == ["release-promoted"]
    assert room.bakes.waits == {}


def test_it_is_promoted_when_it_has_baked(room: Room) -> None:
    room.staged(bake=60)
    room.clock.advance(seconds=60)

    assert room.end_bake().applied
    assert room.state() is ReleaseState.PROMOTING
    assert room.produced().applied
    assert room.state() is ReleaseState.RELEASED


def test_a_wait_that_ends_early_promotes_nothing(room: Room) -> None:
    room.staged(bake=60)
    room.clock.advance(seconds=30)

    assert room.end_bake().result is Result.STALE
    assert room.said.only(ReleasePromoted) == []


def test_a_second_delivery_neither_restarts_the_clock_nor_says_it_again(room: Room) -> None:
    room.staged(bake=60)
    deadline = room.bakes.waits[FLOW_ID]
    room.clock.advance(seconds=20)

    assert room.staged(bake=60).result is Result.ALREADY_DONE
    assert room.bakes.waits == {FLOW_ID: deadline}
    assert len(room.said.only(BakeStarted)) == 1


def test_an_abort_during_the_bake_stops_it(room: Room) -> None:
    room.staged(bake=60)
    room.command(AbortRelease)

    aborted = room.said.only(FlowAborted)[0]
    assert (aborted.stage, aborted.reason, aborted.by) == (Stage.BAKE, "it smells", "ada")
    room.clock.advance(seconds=60)
    assert room.end_bake().result is Result.ALREADY_DONE
    assert room.said.only(ReleasePromoted) == []


def test_an_abort_before_the_release_exists_waits_for_it(room: Room) -> None:
    room.command(AbortRelease)
    outcome = room.staged(bake=60)

    assert outcome.result is Result.ALREADY_DONE
    assert room.state() is ReleaseState.ABORTED
    assert room.said.types() == ["flow-aborted"]


def test_an_abort_during_production_wins(room: Room) -> None:
    room.staged(bake=0)
    room.command(AbortRelease)

    assert room.said.only(FlowAborted)[0].stage is Stage.PRODUCTION
    assert room.produced().result is Result.ALREADY_DONE
    assert room.state() is ReleaseState.ABORTED


def test_an_abort_after_production_is_too_late_and_says_so(room: Room) -> None:
    room.staged(bake=0)
    room.produced()

    outcome = room.command(AbortRelease)

    assert outcome.result is Result.ALREADY_DONE
    assert "too late" in outcome.reason
    assert room.said.only(FlowAborted) == []


def test_a_second_abort_says_nothing_new(room: Room) -> None:
    room.staged(bake=60)
    room.command(AbortRelease)
    room.command(AbortRelease)

    assert len(room.said.only(FlowAborted)) == 1


def test_somebody_may_promote_before_the_time(room: Room) -> None:
    room.staged(bake=3600)

    assert room.command(PromoteRelease).applied
    assert room.said.only(ReleasePromoted)[0].by == "ada"


def test_nothing_is_promoted_that_does_not_bake(room: Room) -> None:
    assert room.command(PromoteRelease).result is Result.STALE
    room.command(AbortRelease)
    assert room.command(PromoteRelease).result is Result.ALREADY_DONE


@pytest.mark.parametrize("seed", range(50))
def test_a_promotion_that_races_an_abort_loses_or_is_rolled_back(seed: int) -> None:
    """An abort is never refused before production is done, whatever it races with, and it is the
    last word that the flow says."""
    room = Room()
    room.staged(bake=60)
    room.clock.advance(seconds=60)
    commands = [partial(room.command, kind) for kind in (PromoteRelease, AbortRelease)]
    racers = [room.end_bake, *commands]
    random.Random(seed).shuffle(racers)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda racer: racer(), racers))

    assert room.state() is ReleaseState.ABORTED
    assert len({event.id for event in room.said.said if event.type == "flow-aborted"}) == 1
    assert len({event.id for event in room.said.said if event.type == "release-promoted"}) <= 1


def test_a_newer_release_takes_the_seat_in_staging(room: Room) -> None:
    room.staged(FLOW_ID, token=1)
    room.staged(OTHER_FLOW_ID, token=2)

    assert room.state(FLOW_ID) is ReleaseState.STOPPED
    assert room.state(OTHER_FLOW_ID) is ReleaseState.BAKING
    superseded = room.said.only(FlowSuperseded)[0]
    assert OTHER_FLOW_ID in superseded.reason


def test_two_releases_in_reverse_order_end_as_in_order(room: Room) -> None:
    room.staged(OTHER_FLOW_ID, token=2)
    room.staged(FLOW_ID, token=1)

    assert room.state(FLOW_ID) is ReleaseState.STOPPED
    assert room.state(OTHER_FLOW_ID) is ReleaseState.BAKING


def test_a_release_that_left_its_bake_is_not_superseded(room: Room) -> None:
    room.staged(FLOW_ID, token=1)
    room.command(PromoteRelease, FLOW_ID)
    room.staged(OTHER_FLOW_ID, token=2)

    assert room.state(FLOW_ID) is ReleaseState.PROMOTING
    assert room.said.only(FlowSuperseded) == []


def test_in_a_parallel_environment_releases_bake_side_by_side(room: Room) -> None:
    parallel = an_environment("staging", mode=EnvironmentMode.PARALLEL)
    room.staged(FLOW_ID, token=1, staging=parallel)
    room.staged(OTHER_FLOW_ID, token=2, staging=parallel)

    assert room.state(FLOW_ID) is ReleaseState.BAKING
    assert room.state(OTHER_FLOW_ID) is ReleaseState.BAKING


def test_a_flow_that_failed_elsewhere_is_not_promoted(room: Room) -> None:
    room.staged(bake=60)
    stopped = FlowFailed(reason="production burns")
    StopRelease(room.releases)(an_event(stopped), a_cause())
    room.clock.advance(seconds=60)

    assert room.end_bake().result is Result.ALREADY_DONE


def test_a_failure_that_comes_first_keeps_the_release_from_baking(room: Room) -> None:
    StopRelease(room.releases)(an_event(FlowFailed(reason="no")), a_cause())

    assert room.staged().result is Result.ALREADY_DONE
    assert room.bakes.waits == {}


def test_a_release_without_staging_is_released_by_production(room: Room) -> None:
    assert room.produced().applied
    assert "too late" in room.command(AbortRelease).reason


def test_a_bake_whose_wait_was_lost_is_promoted_by_the_sweeper(room: Room) -> None:
    room.staged(bake=60)
    room.clock.advance(seconds=61)

    room.sweep()

    assert room.state() is ReleaseState.PROMOTING


def test_the_sweeper_starts_a_lost_wait_again(room: Room) -> None:
    room.staged(bake=600)
    deadline = room.bakes.waits.pop(FLOW_ID)

    room.sweep()

    assert room.bakes.waits == {FLOW_ID: deadline}


def test_a_production_that_never_answers_fails_the_flow(room: Room) -> None:
    room.staged(bake=0)
    room.clock.advance(hours=3)

    room.sweep()

    assert "production did not answer" in room.said.only(FlowFailed)[0].reason


def test_a_release_that_deploys_nothing_does_not_bake_and_says_so(room: Room) -> None:
    done = a_deploy_done(release=a_release(bake=7200), nothing_to_deploy=True)

    room.begin(FLOW_ID, done)

    [promoted] = room.said.only(ReleasePromoted)
    assert promoted.reason == "nothing to deploy: staging and production run all of it"
    assert room.said.types() == ["release-promoted"]
    assert room.bakes.waits == {}


def test_a_release_that_deploys_nothing_leaves_the_one_that_bakes_alone(room: Room) -> None:
    room.staged(FLOW_ID, token=1, bake=60)

    room.begin(OTHER_FLOW_ID, a_deploy_done(token=2, release=a_release(), nothing_to_deploy=True))

    assert room.state(FLOW_ID) is ReleaseState.BAKING


def test_a_deployment_that_does_not_say_its_release_is_refused(room: Room) -> None:
    with pytest.raises(RefusedMessageError, match="run the flow again"):
        room.begin(FLOW_ID, a_deploy_done(release=None))
