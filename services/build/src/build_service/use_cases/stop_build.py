"""The flow was stopped: end its build."""

from dataclasses import dataclass

from build_service.domain import build
from build_service.domain.build import Build
from penstock_shared.contracts.event import Event
from penstock_shared.contracts.events import FlowStopped
from penstock_shared.decisions import Cause, Outcome
from penstock_shared.persistence.outbox import Records


@dataclass(frozen=True)
class StopBuild:
    """Stops a build. A build that does not exist yet is marked, so that it never starts."""

    records: Records[Build]

    def __call__(self, event: Event[FlowStopped], cause: Cause) -> Outcome[Build]:
        """Stop the build, once."""
        return self.records.change(
            event.subject, cause, lambda known: build.stop(event.subject, known, event.data)
        )
