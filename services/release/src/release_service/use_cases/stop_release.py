"""Another service has stopped the flow: end its release."""

from dataclasses import dataclass

from penstock_shared.contracts.event import Event
from penstock_shared.contracts.events import FlowStopped
from penstock_shared.decisions import Cause, Outcome
from penstock_shared.persistence.outbox import Records
from release_service.domain import release
from release_service.domain.release import Release


@dataclass(frozen=True)
class StopRelease:
    """Ends the release of a flow that has ended."""

    releases: Records[Release]

    def __call__(self, event: Event[FlowStopped], cause: Cause) -> Outcome[Release]:
        """Stop the release. One that does not exist yet is marked, so that it never starts."""
        return self.releases.change(
            event.subject, cause, lambda known: release.stop(event.subject, known, event.data)
        )
