"""Staging runs the release: take the seat there, and bake."""

from dataclasses import dataclass
from functools import cache

from penstock_shared.clock import Clock
from penstock_shared.contracts.event import Event
from penstock_shared.contracts.events import DeployDone
from penstock_shared.contracts.plan import EnvironmentMode, PlannedRelease
from penstock_shared.decisions import Cause, Decision, Outcome, Result, already_done
from penstock_shared.errors import RefusedMessageError
from penstock_shared.persistence.outbox import Records
from penstock_shared.plans import load_plan
from penstock_shared.storage import ObjectStore
from release_service.domain import release
from release_service.domain.ports import Bakes
from release_service.domain.release import Release, ReleaseState
from release_service.domain.seat import Seat, seat_key, take


@dataclass(frozen=True)
class BeginBake:
    """Begins the release of a flow that has reached staging."""

    releases: Records[Release]
    seats: Records[Seat]
    objects: ObjectStore
    bakes: Bakes
    clock: Clock

    def __call__(self, event: Event[DeployDone], cause: Cause) -> Outcome[Release]:
        """Begin it, once; whoever baked there before is superseded."""
        flow_id, done = event.subject, event.data
        planned = cache(lambda: self._planned(done))
        seat = self._take_seat(flow_id, done, cause) if self._has_seat(planned()) else None
        newer = seat.record.flow_id if seat and seat.record and seat.result is Result.STALE else ""

        def decide(known: Release | None) -> Decision[Release]:
            if known:
                return already_done(f"the release is {known.state}")
            if newer:
                return release.never_baked(flow_id, newer)
            return release.begin(flow_id, planned(), done, cause.traceparent, self.clock())

        outcome = self.releases.change(flow_id, cause, decide, expect_new=True)
        self._wait(outcome.record)
        if seat and seat.record and seat.record.flow_id == flow_id:
            self._supersede(seat.record.previous, flow_id)
        return outcome

    def _planned(self, done: DeployDone) -> PlannedRelease:
        planned = load_plan(self.objects, done.flow.plan).release
        if planned is None:
            raise RefusedMessageError("staging was deployed by a flow that plans no release")
        return planned

    def _has_seat(self, planned: PlannedRelease) -> bool:
        mode = planned.staging.mode if planned.staging else EnvironmentMode.PARALLEL
        return planned.bake > 0 and mode is EnvironmentMode.SUPERSEDE

    def _take_seat(self, flow_id: str, done: DeployDone, cause: Cause) -> Outcome[Seat]:
        key = seat_key(done.flow.forge, done.flow.repository, done.environment)
        return self.seats.change(key, cause, lambda seat: take(seat, flow_id, done.token))

    def _wait(self, known: Release | None) -> None:
        """Also on redelivery: the wait may be what was lost."""
        if known and known.state is ReleaseState.BAKING and known.deadline:
            self.bakes.ensure(known.flow_id, known.deadline)

    def _supersede(self, older: str, newer: str) -> None:
        known = self.releases.get(older) if older else None
        if known:
            cause = Cause(older, known.traceparent)
            self.releases.change(older, cause, lambda known: release.supersede(known, newer))
