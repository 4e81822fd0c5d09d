"""Staging runs the release: take the seat there, and bake."""

from dataclasses import dataclass

from penstock_shared.clock import Clock
from penstock_shared.contracts.event import Event
from penstock_shared.contracts.events import DeployDone
from penstock_shared.contracts.plan import PlannedRelease
from penstock_shared.decisions import Cause, Decision, Outcome, Result, already_done
from penstock_shared.errors import RefusedMessageError
from penstock_shared.persistence.outbox import Records
from release_service.domain import release
from release_service.domain.ports import Bakes
from release_service.domain.release import Release, ReleaseState
from release_service.domain.seat import Seat, seat_key, take


@dataclass(frozen=True)
class BeginBake:
    """Begins the release of a flow that has reached staging."""

    releases: Records[Release]
    seats: Records[Seat]
    bakes: Bakes
    clock: Clock

    def __call__(self, event: Event[DeployDone], cause: Cause) -> Outcome[Release]:
        """Begin the release, once. The release that baked there before is superseded.

        Raises RefusedMessageError for a deployment that does not name its release.
        """
        flow_id, done = event.subject, event.data
        planned = _release_of(done)
        seat = self._take_seat(flow_id, done, cause) if release.bakes_alone(planned, done) else None
        newer = seat.record.flow_id if seat and seat.record and seat.result is Result.STALE else ""

        def decide(known: Release | None) -> Decision[Release]:
            if known:
                return already_done(f"the release is {known.state}")
            if newer:
                return release.never_baked(flow_id, newer)
            return release.begin(flow_id, planned, done, cause.traceparent, self.clock())

        outcome = self.releases.change(flow_id, cause, decide, expect_new=True)
        self._wait(outcome.record)
        if seat and seat.record and seat.record.flow_id == flow_id:
            self._supersede(seat.record.previous, flow_id)
        return outcome

    def _take_seat(self, flow_id: str, done: DeployDone, cause: Cause) -> Outcome[Seat]:
        key = seat_key(done.flow.forge, done.flow.repository, done.environment)
        return self.seats.change(key, cause, lambda seat: take(seat, flow_id, done.token))

    def _wait(self, known: Release | None) -> None:
        """Start the wait, also on redelivery: the first delivery may have died before this call."""
        if known and known.state is ReleaseState.BAKING and known.deadline:
            self.bakes.ensure(known.flow_id, known.deadline)

    def _supersede(self, older: str, newer: str) -> None:
        known = self.releases.get(older) if older else None
        if known:
            cause = Cause(older, known.traceparent)
            self.releases.change(older, cause, lambda known: release.supersede(known, newer))


def _release_of(done: DeployDone) -> PlannedRelease:
    if done.release is None:
        raise RefusedMessageError(
            "staging was deployed by an older version of Penstock, which did not say by which "
            "release; run the flow again"
        )
    return done.release
