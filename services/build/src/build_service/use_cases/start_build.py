"""A change should flow: fetch it, plan it, and request the jobs for what is not built yet."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from hashlib import sha256

from build_service.domain import build
from build_service.domain.allowance import widened
from build_service.domain.build import Build, BuildState
from build_service.domain.errors import BuildError, OvertakenError, PlanningError, SourceError
from build_service.domain.limits import check_limits
from build_service.domain.planning import (
    Planner,
    artifact_memo_key,
    with_known_artifacts,
)
from build_service.domain.source import SourceRepository, SourceTree
from build_service.domain.trust import refuse_widening, trust_of
from build_service.use_cases.keep_order import KeepOrder
from build_service.use_cases.registry import JUST_NOW, KEPT, Registry
from penstock_shared.clock import Clock
from penstock_shared.configuration import (
    FILE_NAME,
    InvalidConfigurationError,
    read_configuration,
    refuse_places,
)
from penstock_shared.contracts.change import Change
from penstock_shared.contracts.event import Event
from penstock_shared.contracts.events import BuildRequested
from penstock_shared.contracts.plan import ObjectRef, Plan
from penstock_shared.contracts.registration import (
    CredentialKind,
    RegisteredRepository,
    repository_id,
)
from penstock_shared.contracts.registry import ReadCredential
from penstock_shared.decisions import Cause, Decision, Outcome, already_done
from penstock_shared.errors import PenstockError
from penstock_shared.observability import Telemetry
from penstock_shared.persistence.memo import Memo
from penstock_shared.persistence.outbox import Records
from penstock_shared.plans import Plans
from penstock_shared.storage import ObjectStore

SMALL_ARCHIVE = 1024 * 1024
"""Bytes. Writing a snapshot of this size again is cheaper than asking whether it exists."""


@dataclass(frozen=True)
class StartBuild:
    """Turns a change into a plan and its build jobs."""

    records: Records[Build]
    registry: Registry
    sources: SourceRepository
    objects: ObjectStore
    plans: Plans
    artifacts: Memo
    keep_order: KeepOrder
    clock: Clock
    telemetry: Telemetry

    def __call__(self, event: Event[BuildRequested], cause: Cause) -> Outcome[Build]:
        """Plan the flow, unless that is done. Errors in the change fail the flow."""
        flow_id, request = event.subject, event.data
        # `decide` may be called again when the record changes. Planning is done only once.
        prepare = cache(lambda: self._prepare(flow_id, request, cause))

        def decide(known: Build | None) -> Decision[Build]:
            if known and known.state is not BuildState.REQUESTED:
                return already_done(f"the build is {known.state}")
            return prepare()(known or self._new(flow_id, request))

        return self.records.change(flow_id, cause, decide)

    def _new(self, flow_id: str, request: BuildRequested) -> Build:
        return build.request(flow_id, request.change, self.clock(), request.attempt).record

    def _prepare(
        self, flow_id: str, request: BuildRequested, cause: Cause
    ) -> Callable[[Build], Decision[Build]]:
        try:
            plan = self._plan(flow_id, request.change, cause)
        except OvertakenError as error:
            overtaken = str(error)
            return lambda known: build.overtake(known, overtaken)
        except (InvalidConfigurationError, BuildError) as error:
            reason = str(error)
            return lambda known: build.fail(known, reason)
        stored = self.plans.store(plan)
        return lambda known: build.begin(known, plan, stored, self.clock())

    def _plan(self, flow_id: str, change: Change, cause: Cause) -> Plan:
        """Refuses no change because of a registration that has changed meanwhile."""
        registered = self._registration_of(change, KEPT)
        try:
            return self._plan_as(registered, KEPT, flow_id, change, cause)
        except (InvalidConfigurationError, BuildError):
            newest = self._registration_of(change, JUST_NOW)
            if newest == registered:
                raise
        return self._plan_as(newest, JUST_NOW, flow_id, change, cause)

    def _plan_as(
        self,
        registered: RegisteredRepository,
        age: timedelta,
        flow_id: str,
        change: Change,
        cause: Cause,
    ) -> Plan:
        # The address may have changed since the push.
        change = change.model_copy(update={"clone_url": registered.clone_url})
        tree = self.sources.fetch(change, self._credential_of(registered, age))
        with self._in_words(change):
            text = _configuration_of(tree, change)
            configuration = read_configuration(text)
            trust = trust_of(change, registered.allowance.protected)
            refuse_widening(change, trust, configuration, text)
            refuse_places(text, widened(configuration, registered.allowance))
            archive = tree.archive(configuration.history)
            planner = Planner(change, trust, configuration, tree, _snapshot_of(archive))
            plan = planner.plan(flow_id, change.pushed_at)
            check_limits(plan)
        plan = self.keep_order(plan, tree.head, cause)
        plan = self._with_known(plan)
        if plan.gates or plan.release or any(component.built for component in plan.components):
            self._store_snapshot(plan.snapshot.key, archive)
        return plan

    def _registration_of(self, change: Change, age: timedelta) -> RegisteredRepository:
        repository = repository_id(change.forge, change.repository)
        known = self.registry.find(repository, age)
        if known is None:
            raise SourceError(
                f"{change.repository} of {change.forge} is no longer registered: "
                "`penstock repo add` registers it"
            )
        return known

    def _credential_of(
        self, registered: RegisteredRepository, age: timedelta
    ) -> ReadCredential | None:
        if registered.read_with is CredentialKind.NONE:
            return None
        secrets = self.registry.secrets_of(registered.id, age)
        return secrets.credential if secrets else None

    @contextmanager
    def _in_words(self, change: Change) -> Iterator[None]:
        """Turn unexpected errors of planning into a reason: a retry would fail again."""
        try:
            yield
        except PenstockError:
            raise
        except Exception as error:
            self.telemetry.logger.exception(
                "could not plan", repository=change.repository, sha=change.sha
            )
            raise PlanningError(
                f"could not plan: {type(error).__name__}: {error} (commit {change.sha[:12]} of "
                f"{change.repository})"
            ) from error

    def _with_known(self, plan: Plan) -> Plan:
        """The plan with what earlier flows have built."""
        keys = [artifact_memo_key(component) for component in plan.components if component.build]
        return with_known_artifacts(plan, self.artifacts.recall(keys))

    def _store_snapshot(self, key: str, archive: bytes) -> None:
        if len(archive) <= SMALL_ARCHIVE or not self.objects.exists(key):
            self.objects.put(key, archive, content_type="application/gzip")


def _snapshot_of(archive: bytes) -> ObjectRef:
    digest = sha256(archive).hexdigest()
    return ObjectRef(key=f"snapshots/{digest}.tar.gz", sha256=digest, size=len(archive))


def _configuration_of(tree: SourceTree, change: Change) -> bytes:
    where = f"at the root of {change.repository} at commit {change.sha[:12]}"
    if FILE_NAME in tree.folders:
        raise SourceError(f"{FILE_NAME} {where} is a folder; it must be a file")
    if FILE_NAME not in tree.files:
        raise SourceError(f"there is no {FILE_NAME} {where}")
    mode = tree.files[FILE_NAME].split()[0]
    if mode in _NO_FILES:
        raise SourceError(f"{FILE_NAME} {where} is a {_NO_FILES[mode]}; it must be a file")
    return tree.read(FILE_NAME)


_NO_FILES = {"120000": "link", "160000": "submodule"}
"""The modes in git of entries that are not files: https://git-scm.com/docs/index-format."""
