"""The flow was stopped: nothing more of it is deployed, and what was is taken back."""

from dataclasses import dataclass

from deployer_service.domain import flow as flows
from deployer_service.domain.deployment import rolling_back
from deployer_service.domain.deployment.making import tombstone
from deployer_service.domain.flow import Destination, Flow, FlowPermit, flow_key
from deployer_service.use_cases.ledger import Ledger
from penstock_shared.contracts.event import Event
from penstock_shared.contracts.events import FlowStopped, Phase
from penstock_shared.decisions import Cause, Outcome

BEFORE_US = frozenset({Phase.BUILD, Phase.TEST})


@dataclass(frozen=True)
class StopFlow:
    """Stops every deployment of a flow, those that exist and those that might yet."""

    ledger: Ledger

    def __call__(self, event: Event[FlowStopped], cause: Cause) -> Outcome[Flow]:
        """Mark the flow first, so that nothing begins behind our back; then go through it."""
        flow_id, stopped = event.subject, event.data
        outcome = self.ledger.flows.change(
            flow_key(flow_id),
            cause,
            lambda known: flows.stop(known, flow_id, stopped.reason, self.ledger.clock()),
            expect_new=stopped.phase in BEFORE_US,
        )
        if outcome.record:
            self.finish(outcome.record, cause)
        return outcome

    def finish(self, flow: Flow, cause: Cause) -> None:
        """Go through all that the flow has deployed, or might yet. May be done again."""
        for destination in reversed(flow.destinations):
            self._stop(flow, destination, cause)
        if flow.state is FlowPermit.STOPPING:
            self.ledger.flows.change(flow_key(flow.flow_id), cause, flows.stopped)

    def _stop(self, flow: Flow, destination: Destination, cause: Cause) -> None:
        if flow.flow is None:
            return
        marker = tombstone(flow.flow, destination, flow.reason, cause)
        outcome = self.ledger.deployments.change(
            marker.id,
            cause,
            lambda known: rolling_back.stop(known, marker, self.ledger.context()),
        )
        self.ledger.follow_up(outcome.record, cause)
