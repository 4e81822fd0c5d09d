"""The gates in staging have passed: go on to the bake, or to production."""

from dataclasses import dataclass

from penstock_shared.clock import Clock
from penstock_shared.contracts.event import Event
from penstock_shared.contracts.events import EnvironmentPassed
from penstock_shared.decisions import Cause, Outcome
from penstock_shared.persistence.outbox import Records
from release_service.domain import release
from release_service.domain.ports import Bakes
from release_service.domain.release import Release, ReleaseState


@dataclass(frozen=True)
class FollowGates:
    """Bakes or promotes the release that has waited for its gates."""

    releases: Records[Release]
    bakes: Bakes
    clock: Clock

    def __call__(self, event: Event[EnvironmentPassed], cause: Cause) -> Outcome[Release]:
        """Go on, once. The wait is started also on redelivery, as when a bake begins."""
        outcome = self.releases.change(
            event.subject, cause, lambda known: release.verified(known, self.clock())
        )
        known = outcome.record
        if known and known.state is ReleaseState.BAKING and known.deadline:
            self.bakes.ensure(known.flow_id, known.deadline)
        return outcome
