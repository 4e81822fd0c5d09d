"""A webhook arrives: start one flow for one change."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

from build_service.domain import build
from build_service.domain.build import Build
from build_service.domain.errors import WebhookError
from build_service.domain.push import ForgeWebhook, Ignored, Pushed
from build_service.domain.repository import Repository, repository_key, was_put_back
from build_service.use_cases.registry import JUST_NOW, KEPT, Registry
from penstock_shared.clock import Clock
from penstock_shared.contracts.change import Change, Forge
from penstock_shared.contracts.registration import RegisteredRepository
from penstock_shared.decisions import Cause, Outcome
from penstock_shared.identifiers import flow_id_for, retry_id_for
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
    """Verifies a delivery and starts its flow.

    The address says which repository a delivery is of. Its registration says on which forge it is,
    which secrets sign its deliveries, and where it is fetched from. The delivery must agree.
    """

    records: Records[Build]
    repositories: Records[Repository]
    registry: Registry
    forges: Mapping[Forge, ForgeWebhook]
    clock: Clock

    def __call__(
        self, repository: str, body: bytes, headers: Mapping[str, str]
    ) -> ReceivedPush | Ignored:
        """Start the flow of the delivery's change. Repeated deliveries start it once.

        `repository` is an id. Names of `headers` are in lower case. Raises WebhookError.
        """
        try:
            change = self._change(repository, body, headers, KEPT)
        except WebhookError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                raise
            change = self._change(repository, body, headers, JUST_NOW)
        return change if isinstance(change, Ignored) else self._start(change)

    def _change(
        self, repository: str, body: bytes, headers: Mapping[str, str], age: timedelta
    ) -> Change | Ignored:
        registered = self.registry.find(repository, age)
        if registered is None:
            raise WebhookError(
                404,
                "no repository has this webhook address; `penstock repo list` shows those that "
                "there are",
            )
        forge = self.forges[registered.forge]
        if not headers.get(forge.event_header):
            raise WebhookError(
                400, f"not a webhook of {registered.forge}: it has no {forge.event_header} header"
            )
        forge.verify(self._secrets(registered, age), headers, body)
        pushed = forge.read(headers, body)
        return pushed if isinstance(pushed, Ignored) else self._as_registered(pushed, registered)

    def _secrets(self, registered: RegisteredRepository, age: timedelta) -> tuple[str, ...]:
        secrets = self.registry.secrets_of(registered.id, age)
        return secrets.valid(self.clock()) if secrets else ()

    def _as_registered(self, pushed: Pushed, registered: RegisteredRepository) -> Change:
        if pushed.repository != registered.full_name:
            raise WebhookError(
                403,
                f"this is the webhook address of {registered.full_name}, and the delivery is about "
                f"{pushed.repository}",
            )
        return Change(
            forge=registered.forge,
            repository=registered.full_name,
            ref=pushed.ref,
            before=pushed.before,
            sha=pushed.sha,
            author=pushed.author,
            message=pushed.message,
            clone_url=registered.clone_url,
            delivery_id=pushed.delivery_id,
            pushed_at=self.clock(),
            answered=registered.answers,
        )

    def _start(self, change: Change) -> ReceivedPush:
        flow_id = flow_id_for(
            change.forge, change.repository, change.ref, change.before, change.sha
        )
        outcome = self._ask_for(flow_id, change)
        known = outcome.record
        stopped = known.stopped_early if known else ""
        if known and not outcome.applied and not stopped:
            return self._start_again(known, change)
        return ReceivedPush(flow_id, outcome.applied and not stopped, stopped)

    def _start_again(self, known: Build, change: Change) -> ReceivedPush:
        """The branch moved like this before: a push of its own, if it was put back in between."""
        key = repository_key(change.forge, change.repository)
        if not was_put_back(self.repositories.get(key), change):
            return ReceivedPush(known.flow_id, started=False)
        newest = newest_attempt(self.records, known)
        if not build.is_another_push(newest, change):
            return ReceivedPush(newest.flow_id, started=False)
        attempt = newest.attempt + 1
        flow_id = retry_id_for(newest.flow_id, attempt)
        return ReceivedPush(flow_id, self._ask_for(flow_id, change, attempt).applied)

    def _ask_for(self, flow_id: str, change: Change, attempt: int = 1) -> Outcome[Build]:
        now = self.clock()
        return self.records.change(
            flow_id,
            Cause(flow_id, new_traceparent(flow_id, now)),
            lambda known: build.receive(flow_id, known, change, now, attempt),
            expect_new=True,
        )


def newest_attempt(records: Records[Build], known: Build) -> Build:
    """The attempt of this flow that was started last."""
    while following := records.get(retry_id_for(known.flow_id, known.attempt + 1)):
        known = following
    return known
