"""A webhook arrives: start one flow for one change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from build_service.domain import build
from build_service.domain.build import Build
from build_service.domain.delivery import ForgeWebhook, Ignored, PullRequested, Pushed, Said
from build_service.domain.errors import WebhookError
from build_service.domain.repository import Repository, repository_key, was_put_back
from build_service.domain.skipping import why_skipped
from build_service.use_cases.follow_pull_request import FollowPullRequest
from build_service.use_cases.registry import JUST_NOW, KEPT, Registry
from build_service.use_cases.starting import (
    Cancelled,
    Held,
    ReceivedPush,
    Starting,
    received,
)
from penstock_shared.clock import Clock
from penstock_shared.contracts.change import TAGS, Change, Forge
from penstock_shared.contracts.registration import RegisteredRepository
from penstock_shared.identifiers import flow_id_for, retry_id_for
from penstock_shared.persistence.outbox import Records

Received = ReceivedPush | Held | Cancelled | Ignored


@dataclass(frozen=True)
class ReceivePush:
    """Verifies a delivery and starts its flow.

    The address says which repository a delivery is of. Its registration says on which forge it is,
    which secrets sign its deliveries, and where it is fetched from. The delivery must agree.
    """

    starting: Starting
    follow: FollowPullRequest
    repositories: Records[Repository]
    registry: Registry
    forges: Mapping[Forge, ForgeWebhook]
    clock: Clock

    def __call__(
        self, repository: str, body: bytes, headers: Mapping[str, str]
    ) -> Sequence[Received]:
        """Act on each thing that the delivery says. Repeated deliveries have their effect once.

        `repository` is an id. Names of `headers` are in lower case. Raises WebhookError.
        """
        try:
            registered, said = self._read(repository, body, headers, KEPT)
        except WebhookError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                raise
            registered, said = self._read(repository, body, headers, JUST_NOW)
        if any(_hangs_on_registration(one) for one in said):
            registered = self.registry.find(registered.id, JUST_NOW) or registered
        return [self._act_on(one, registered) for one in said]

    def _read(
        self, repository: str, body: bytes, headers: Mapping[str, str], age: timedelta
    ) -> tuple[RegisteredRepository, Sequence[Said]]:
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
        forge.verify(self._secrets(registered, age), headers, body, self.clock())
        said = forge.read(headers, body)
        for one in said:
            _refuse_another(one, registered)
        return registered, said

    def _secrets(self, registered: RegisteredRepository, age: timedelta) -> tuple[str, ...]:
        secrets = self.registry.secrets_of(registered.id, age)
        return secrets.valid(self.clock()) if secrets else ()

    def _act_on(self, said: Said, registered: RegisteredRepository) -> Received:
        if isinstance(said, Ignored):
            return said
        if isinstance(said, PullRequested):
            return self.follow(said, self._head(said, registered), registered.allowance.forks)
        if reason := _why_ignored(said, registered):
            return Ignored(reason)
        return self._start(self._pushed(said, registered))

    def _pushed(self, pushed: Pushed, registered: RegisteredRepository) -> Change:
        return self._change(pushed, registered, before=pushed.before, message=pushed.message)

    def _head(self, said: PullRequested, registered: RegisteredRepository) -> Change:
        return self._change(
            said,
            registered,
            before=said.base.sha or said.sha,
            message=said.title,
            pull_request=said.number,
            fork=said.fork,
            base=said.base,
        )

    def _change(
        self, said: Pushed | PullRequested, registered: RegisteredRepository, **own: Any
    ) -> Change:
        """What a delivery says, of the repository that it was sent to."""
        return Change(
            forge=registered.forge,
            repository=registered.full_name,
            ref=said.ref,
            sha=said.sha,
            author=said.author,
            clone_url=registered.clone_url,
            delivery_id=said.delivery_id,
            pushed_at=self.clock(),
            answered=registered.answers,
            **own,
        )

    def _start(self, change: Change) -> ReceivedPush:
        flow_id = flow_id_for(
            change.forge, change.repository, change.ref, change.before, change.sha
        )
        outcome = self.starting.start(flow_id, change)
        known = outcome.record
        if known and not outcome.applied and not known.stopped_early:
            return self._start_again(known, change)
        return received(flow_id, outcome)

    def _start_again(self, known: Build, change: Change) -> ReceivedPush:
        """The branch moved like this before: a push of its own, if it was put back in between."""
        key = repository_key(change.forge, change.repository)
        if not was_put_back(self.repositories.get(key), change):
            return ReceivedPush(known.flow_id, started=False)
        newest = self.starting.newest_attempt(known)
        if not build.is_another_push(newest, change):
            return ReceivedPush(newest.flow_id, started=False)
        attempt = newest.attempt + 1
        flow_id = retry_id_for(newest.flow_id, attempt)
        return ReceivedPush(flow_id, self.starting.start(flow_id, change, attempt).applied)


def _refuse_another(said: Said, registered: RegisteredRepository) -> None:
    """Raises WebhookError for a delivery about another repository than its address is of."""
    if not isinstance(said, Ignored) and said.repository != registered.full_name:
        raise WebhookError(
            403,
            f"this is the webhook address of {registered.full_name}, and the delivery is about "
            f"{said.repository}",
        )


def _hangs_on_registration(said: Said) -> bool:
    """Whether the registration may let this start nothing; then what is remembered is too old."""
    if isinstance(said, PullRequested):
        return bool(said.fork)
    return isinstance(said, Pushed) and said.ref.startswith(TAGS)


def _why_ignored(pushed: Pushed, registered: RegisteredRepository) -> str:
    """Why a push starts nothing; empty if it starts a flow."""
    if not pushed.ref.startswith(TAGS):
        return why_skipped(pushed.sha, pushed.message)
    if registered.allowance.protects(pushed.ref):
        return ""
    return (
        f"{pushed.ref} is a tag, and no protected ref of the registration: `penstock repo set "
        f"{registered.full_name} --protect main --protect 'refs/tags/v*'` lets tags release, "
        "where penstock.yml has `tags:` too"
    )
