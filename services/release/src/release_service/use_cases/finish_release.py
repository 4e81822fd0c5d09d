"""Production runs the release, or another service has stopped the flow."""

from dataclasses import dataclass

from penstock_shared.contracts.events import DeployDone, FlowStopped
from penstock_shared.decisions import Cause, Outcome
from penstock_shared.persistence.outbox import Records
from release_service.domain import release
from release_service.domain.release import Release


@dataclass(frozen=True)
class FinishRelease:
    """Takes the end of a flow into its release."""

    releases: Records[Release]

    def done(self, flow_id: str, done: DeployDone, cause: Cause) -> Outcome[Release]:
        """Production is done: from here on nothing can be aborted."""
        return self.releases.change(
            flow_id, cause, lambda known: release.production_done(flow_id, known, done)
        )

    def stopped(self, flow_id: str, stopped: FlowStopped, cause: Cause) -> Outcome[Release]:
        """The flow ends here."""
        return self.releases.change(
            flow_id, cause, lambda known: release.stop(flow_id, known, stopped)
        )
