"""Nothing waits forever: finds what is overdue, says what was never said, and moves it on."""

from dataclasses import dataclass

from deployer_service.domain.deployment.deadlines import overdue
from deployer_service.domain.environment import line
from deployer_service.use_cases.ledger import Ledger
from deployer_service.use_cases.stop_flow import StopFlow
from penstock_shared.decisions import Cause
from penstock_shared.observability import Telemetry
from penstock_shared.tracing import new_traceparent


@dataclass(frozen=True)
class SweepOverdue:
    """Looks at everything in the table that is due."""

    ledger: Ledger
    stop_flow: StopFlow
    telemetry: Telemetry

    def __call__(self) -> int:
        """Look at it; returns how many records that were.

        One record that cannot be helped does not keep the sweeper from the others.
        """
        keys = self.ledger.deployments.store.due(self.ledger.clock())
        for key in keys:
            try:
                self._look_at(key)
            except Exception:
                self.telemetry.logger.exception("could not sweep", key=key)
        return len(keys)

    def _look_at(self, key: str) -> None:
        kind = key.partition("#")[0]
        if kind == "flow":
            self._flow(key)
        elif kind == "environment":
            self._environment(key)
        else:
            self._deployment(key)

    def _flow(self, key: str) -> None:
        known = self.ledger.flows.resume(key)
        if known and known.deadline and known.deadline <= self.ledger.clock():
            with self.telemetry.message("sweep", known.flow_id):
                self.stop_flow.finish(known, self._cause(known.flow_id))

    def _deployment(self, key: str) -> None:
        known = self.ledger.deployments.resume(key)
        if known is None:
            return
        cause = self._cause(known.flow_id)
        with self.telemetry.message("sweep", known.flow_id) as span:
            outcome = self.ledger.deployments.change(
                key, cause, lambda now_known: overdue(now_known, self.ledger.context())
            )
            span.outcome(outcome.result, outcome.reason)
            self.ledger.follow_up(outcome.record, cause)

    def _environment(self, key: str) -> None:
        known = self.ledger.environments.resume(key)
        if known is None or known.holder is None:
            return
        holder = known.holder
        cause = self._cause(holder.flow_id)
        with self.telemetry.message("sweep", holder.flow_id) as span:
            deployment = self.ledger.deployments.get(holder.deployment_id)
            if deployment:
                self.ledger.follow_up(deployment, cause)
            outcome = self.ledger.environments.change(
                key,
                cause,
                lambda now_known: line.look_again(
                    now_known, holder, self.ledger.clock(), vanished=deployment is None
                ),
            )
            span.outcome(outcome.result, outcome.reason)

    def _cause(self, flow_id: str) -> Cause:
        return Cause(flow_id, new_traceparent(flow_id, self.ledger.clock()))
