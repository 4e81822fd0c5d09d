"""A webhook arrives: start one flow for one change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from build_service.domain import build
from build_service.domain.build import Build
from build_service.domain.errors import WebhookError
from build_service.domain.push import ForgeWebhook, Ignored
from penstock_shared.clock import Clock
from penstock_shared.contracts.change import Change
from penstock_shared.decisions import Cause
from penstock_shared.identifiers import flow_id_for
from penstock_shared.persistence.outbox import Records
from penstock_shared.tracing import new_traceparent


@dataclass(frozen=True)
class ReceivedPush:
    """The answer to a webhook: the flow, and whether this delivery started it.

    `stopped` is why and by whom the flow was stopped before its push arrived; else empty.
    """

    flow_id: str
    started: bool
    stopped: str = ""


@dataclass(frozen=True)
class ReceivePush:
    """Verifies a delivery and starts its flow."""

    records: Records[Build]
    forges: Sequence[ForgeWebhook]
    clock: Clock

    def __call__(
        self, secret: str, body: bytes, headers: Mapping[str, str]
    ) -> ReceivedPush | Ignored:
        """Start the flow of the delivery's change. Repeated deliveries start it once.

        Names of `headers` are in lower case. Raises WebhookError.
        """
        forge = self._sender(headers)
        forge.verify(secret, headers, body)
        delivery = forge.read(headers, body, self.clock())
        return delivery if isinstance(delivery, Ignored) else self._start(delivery)

    def _sender(self, headers: Mapping[str, str]) -> ForgeWebhook:
        for forge in self.forges:
            if headers.get(forge.event_header):
                return forge
        known = " or ".join(forge.event_header for forge in self.forges)
        raise WebhookError(400, f"not a webhook: it has no {known} header")

    def _start(self, change: Change) -> ReceivedPush:
        flow_id = flow_id_for(
            change.forge, change.repository, change.ref, change.before, change.sha
        )
        now = self.clock()
        cause = Cause(flow_id, new_traceparent(flow_id, now))
        outcome = self.records.change(
            flow_id,
            cause,
            lambda known: build.receive(flow_id, known, change, now),
            expect_new=True,
        )
        stopped = outcome.record.stopped_early if outcome.record else ""
        return ReceivedPush(flow_id, outcome.applied and not stopped, stopped)
