"""The flow was stopped: nothing more happens to its build."""

from dataclasses import dataclass

from build_service.domain import build
from build_service.domain.build import Build
from penstock_shared.contracts.event import Event
from penstock_shared.contracts.events import FlowStopped
from penstock_shared.decisions import Cause, Outcome
from penstock_shared.persistence.outbox import Records


@dataclass(frozen=True)
class StopBuild:
    """Stops a build, or marks one that has not begun as never to begin."""

    records: Records[Build]

    def __call__(self, event: Event[FlowStopped], cause: Cause) -> Outcome[Build]:
        """Stop it, once."""
        return self.records.change(
            event.subject, cause, lambda known: build.stop(event.subject, known, event.data)
        )
