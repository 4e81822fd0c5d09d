"""Somebody requests a flow without a push: of a branch, a tag or a pull request, or of an earlier
flow.
"""

from dataclasses import dataclass
from datetime import datetime

from build_service.domain import build
from build_service.domain.build import Build
from build_service.use_cases.follow_pull_request import FollowPullRequest
from build_service.use_cases.registry import Registry
from build_service.use_cases.starting import Starting
from penstock_shared.clock import Clock
from penstock_shared.contracts.change import Change, Forge
from penstock_shared.contracts.commands import RunFlow
from penstock_shared.contracts.registration import repository_id
from penstock_shared.decisions import Cause, Outcome, Result
from penstock_shared.errors import RefusedMessageError
from penstock_shared.identifiers import retry_id_for, run_id_for
from penstock_shared.persistence.outbox import Records
from penstock_shared.tracing import new_traceparent


@dataclass(frozen=True)
class StartFlow:
    """Starts the flow that a command requests. Repeated commands start it once.

    Results are remembered under their inputs, so only what did not succeed runs again.
    """

    records: Records[Build]
    registry: Registry
    starting: Starting
    follow: FollowPullRequest
    clock: Clock

    def __call__(self, command: RunFlow, _cause: Cause | None = None) -> Outcome[Build]:
        """Raises RefusedMessageError for a request that cannot be listed as a flow."""
        now = self.clock()
        if command.attempt is not None:
            return self._retry(command.flow_id, command.attempt, now)
        return self._run(command, now)

    def _retry(self, flow_id: str, attempt: int, now: datetime) -> Outcome[Build]:
        original = self.records.get(flow_id)
        refusal = build.why_not_again(original, flow_id, attempt)
        if refusal or original is None or original.change is None:
            raise RefusedMessageError(refusal)
        again = {"pushed_at": now, "delivery_id": ""}
        change = self._from_its_repository(original.change.model_copy(update=again))
        if not change.clone_url:
            raise RefusedMessageError(_not_registered(change))
        return self.starting.start(retry_id_for(flow_id, attempt), change, attempt)

    def _run(self, command: RunFlow, now: datetime) -> Outcome[Build]:
        change = self._change(command, now)
        expected = run_id_for(
            change.forge, change.repository, change.ref, change.sha, command.request
        )
        if command.flow_id != expected:
            raise RefusedMessageError(
                f"this run is flow {expected}, and the command calls it {command.flow_id}"
            )
        if not change.clone_url:
            return self._refuse(expected, change, _not_registered(change))
        if change.pull_request:
            return self._run_pull_request(expected, change, now)
        return self.starting.start(expected, change)

    def _run_pull_request(self, flow_id: str, change: Change, now: datetime) -> Outcome[Build]:
        """Only the commit that somebody looked at is run, and only while it is the newest."""
        approved = self.follow.approve(change, flow_id, change.author)
        if approved.record is None or approved.result is Result.STALE:
            return self._refuse(flow_id, change, approved.reason)
        update = {
            "pushed_at": now,
            "delivery_id": "",
            "clone_url": change.clone_url,
            "answered": change.answered,
        }
        return self.starting.start(flow_id, approved.record.change.model_copy(update=update))

    def _change(self, command: RunFlow, now: datetime) -> Change:
        forge, sha = command.forge or Forge.GIT, command.sha or ""
        change = Change(
            forge=forge,
            repository=command.repository,
            ref=command.ref,
            before=sha,
            sha=sha,
            author=command.by,
            clone_url="",
            pushed_at=now,
            although_behind=command.although_behind,
            pull_request=command.pull_request,
            fresh=command.fresh,
        )
        return self._from_its_repository(change)

    def _from_its_repository(self, change: Change) -> Change:
        """The change with the registered clone address; empty if there is no such repository."""
        repository = repository_id(change.forge, change.repository)
        known = self.registry.find(repository)
        if known is None:
            return change.model_copy(update={"clone_url": "", "answered": False})
        return change.model_copy(update={"clone_url": known.clone_url, "answered": known.answers})

    def _refuse(self, flow_id: str, change: Change, reason: str) -> Outcome[Build]:
        return self.records.change(
            flow_id,
            Cause(flow_id, new_traceparent(flow_id, self.clock())),
            lambda known: build.refuse(flow_id, known, change, reason),
            expect_new=True,
        )


def _not_registered(change: Change) -> str:
    return (
        f"no repository {change.repository} of {change.forge} is registered: "
        "`penstock repo add` registers it"
    )
