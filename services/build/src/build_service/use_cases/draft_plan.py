"""Reads what was pushed, stores its snapshot, and drafts the plan. It decides nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256

from build_service.domain.allowance import widened
from build_service.domain.drafting import PlanAnswer, PlanRequest, answer_with, refuse, skip
from build_service.domain.errors import (
    BuildError,
    OvertakenError,
    PlanningError,
    SourceError,
    SourceUnavailableError,
)
from build_service.domain.limits import check_limits
from build_service.domain.planning import Planner
from build_service.domain.skipping import why_skipped
from build_service.domain.source import SourceRepository, SourceTree
from build_service.domain.standing import check_standing
from build_service.domain.trust import refuse_widening
from penstock_shared.configuration import (
    FILE_NAME,
    Configuration,
    InvalidConfigurationError,
    read_configuration,
    refuse_places,
)
from penstock_shared.contracts.change import Change, Trust
from penstock_shared.contracts.plan import ObjectRef, Plan
from penstock_shared.errors import PenstockError
from penstock_shared.object_keys import ObjectKind, object_key
from penstock_shared.observability import Telemetry
from penstock_shared.storage import ObjectStore


@dataclass(frozen=True)
class DraftPlan:
    """Answers the worker's requests. It knows no table and no queue.

    `presets` is the digest of Penstock's presets, which the keys of what they make hold.
    """

    sources: SourceRepository
    objects: ObjectStore
    telemetry: Telemetry
    presets: str = ""

    def __call__(self, request: PlanRequest) -> PlanAnswer:
        """The plan, or why there is none. Raises only what AWS raises."""
        try:
            tree = self.sources.fetch(request.change, request.credential, request.merge)
            if reason := _why_skipped(request.change, tree):
                return skip(reason)
            with self._in_words(request.change):
                check_standing(request.change, request.trust, tree)
                plan, archive = self._plan(request, tree)
                answer = answer_with(plan, tree.head)
        except SourceUnavailableError as error:
            return refuse(str(error), may_pass=True)
        except OvertakenError as error:
            return refuse(str(error), overtaken=True)
        except (InvalidConfigurationError, BuildError) as error:
            return refuse(str(error))
        self.objects.put(plan.snapshot.key, archive, content_type="application/gzip")
        return answer

    def _plan(self, request: PlanRequest, tree: SourceTree) -> tuple[Plan, bytes]:
        change, trust = request.change, request.trust
        configuration = self._configuration(request, tree)
        archive = tree.archive(configuration.history, lfs=configuration.lfs)
        snapshot = _snapshot_of(archive, trust)
        planner = Planner(change, trust, configuration, tree, snapshot, self.presets)
        plan = planner.plan(request.flow_id, change.pushed_at, request.allowance.jobs_at_once)
        check_limits(plan)
        return plan, archive

    def _configuration(self, request: PlanRequest, tree: SourceTree) -> Configuration:
        change = request.change
        text = _configuration_of(tree, change)
        configuration = read_configuration(text)
        refuse_widening(change, request.trust, configuration, text)
        refuse_places(text, widened(configuration, request.allowance))
        return configuration

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


def _why_skipped(change: Change, tree: SourceTree) -> str:
    """Why a pull request's commit wants no flow, if its delivery did not carry the message.

    What a person asked for has no delivery, and is never skipped.
    """
    asked_for = not (change.pull_request and change.delivery_id)
    return "" if asked_for else why_skipped(change.sha, tree.message)


def _snapshot_of(archive: bytes, trust: Trust) -> ObjectRef:
    digest = sha256(archive).hexdigest()
    key = object_key(ObjectKind.SNAPSHOT, trust, f"{digest}.tar.gz")
    return ObjectRef(key=key, sha256=digest, size=len(archive))


def _configuration_of(tree: SourceTree, change: Change) -> bytes:
    where = f"at the root of {change.repository} at commit {change.sha[:12]}"
    if FILE_NAME in tree.folders:
        raise SourceError(f"{FILE_NAME} {where} is a folder; it must be a file")
    if FILE_NAME not in tree.files:
        return _discovered(tree, where)
    mode = tree.files[FILE_NAME].split()[0]
    if mode in _NO_FILES:
        raise SourceError(f"{FILE_NAME} {where} is a {_NO_FILES[mode]}; it must be a file")
    return tree.read(FILE_NAME)


def _discovered(tree: SourceTree, where: str) -> bytes:
    """What the repository is read into without the file."""
    from penstock_shared.discovery import MARKERS, Files, discovered_configuration

    regular = [path for path, entry in tree.files.items() if entry.startswith(_REGULAR)]
    text = discovered_configuration(Files(regular, tree.read))
    if text is None:
        raise SourceError(
            f"there is no {FILE_NAME} {where}, and nothing in it that Penstock can build or test "
            f"without one ({', '.join(MARKERS)})"
        )
    return text.encode()


_REGULAR = "100"
"""What the modes of files begin with that are neither links nor submodules."""
_NO_FILES = {"120000": "link", "160000": "submodule"}
"""The modes in git of entries that are not files: https://git-scm.com/docs/index-format."""
