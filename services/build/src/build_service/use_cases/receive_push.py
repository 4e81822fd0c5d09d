"""A webhook arrives: start one flow for one change."""

from collections.abc import Mapping
from dataclasses import dataclass

from build_service.domain import build
from build_service.domain.build import Build
from build_service.domain.webhook import Ignored, check_signature, read_delivery
from penstock_shared.clock import Clock
from penstock_shared.contracts.change import Change
from penstock_shared.decisions import Cause, Decision, already_done
from penstock_shared.identifiers import flow_id_for
from penstock_shared.observability import new_traceparent
from penstock_shared.persistence.outbox import Records


@dataclass(frozen=True)
class Received:
    """The answer to a webhook: the flow, and whether this delivery is the one that started it."""

    flow_id: str
    started: bool


@dataclass(frozen=True)
class ReceivePush:
    """Checks a delivery and starts its flow."""

    records: Records[Build]
    clock: Clock

    def __call__(self, secret: str, body: bytes, headers: Mapping[str, str]) -> Received | Ignored:
        """Start the flow of the delivery's change, once for any number of deliveries.

        `headers` have names in lower case. Raises WebhookError.
        """
        check_signature(secret, body, headers)
        delivery = read_delivery(body, headers, self.clock())
        return delivery if isinstance(delivery, Ignored) else self._start(delivery)

    def _start(self, change: Change) -> Received:
        flow_id = flow_id_for(
            change.forge, change.repository, change.ref, change.before, change.sha
        )
        now = self.clock()

        def decide(known: Build | None) -> Decision[Build]:
            return already_done() if known else build.request(flow_id, change, now)

        cause = Cause(flow_id, new_traceparent(flow_id, now))
        outcome = self.records.change(flow_id, cause, decide, expect_new=True)
        return Received(flow_id, outcome.applied)
