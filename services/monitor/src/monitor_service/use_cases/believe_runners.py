"""Decides whether what is said of a job comes from a runner that was given the job."""

from collections.abc import Callable
from dataclasses import dataclass

from penstock_shared.contracts.event import Event, EventData
from penstock_shared.contracts.events import JobFinished, JobStarted
from penstock_shared.observability import Telemetry
from penstock_shared.proofs import JobProofs
from penstock_shared.results import REFUSED_RESULTS


@dataclass(frozen=True)
class BelieveRunners:
    """Checks the proofs of starts and results; other events need none.

    `proofs_of` gives the proofs of the jobs of a service, by its name.
    """

    proofs_of: Callable[[str], JobProofs]
    telemetry: Telemetry

    def __call__(self, event: Event[EventData]) -> bool:
        """Whether to believe the event. Logs and counts those that are not believed."""
        believed = self._holds(event)
        if not believed:
            self.telemetry.logger.error("not believed", flow_id=event.subject, type=event.type)
            self.telemetry.count(REFUSED_RESULTS)
        return believed

    def _holds(self, event: Event[EventData]) -> bool:
        match event.data:
            case JobFinished(result=result):
                return self.proofs_of(result.owner).holds(event)  # type: ignore[arg-type]  # it is one
            case JobStarted(owner=owner):
                return self.proofs_of(owner).holds_of_start(event)  # type: ignore[arg-type]  # as above
        return True
