"""Source trees for tests, with ids as git would give them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import Any

from build_service.adapters.planner_function import PlannerFunction
from build_service.domain.drafting import PlanRequest
from build_service.domain.source import MergeRef, SourceRepository, SourceTree
from build_service.use_cases.draft_plan import DraftPlan
from penstock_shared.contracts.change import Change
from penstock_shared.contracts.registry import ReadCredential
from penstock_shared.identifiers import digest_of
from penstock_shared.observability import Telemetry
from penstock_shared.storage import ObjectStore
from tests.support.builders import NOW


def a_tree(files: Mapping[str, str]) -> SourceTree:
    """A tree of text files."""
    ids = {path: f"100644 {digest_of(text)[:40]}" for path, text in files.items()}
    folders = {"."} | {
        "/".join(path.split("/")[:depth])
        for path in files
        for depth in range(1, path.count("/") + 1)
    }
    return SourceTree(
        tree_id=_tree_id(ids, "."),
        committed_at=NOW,
        files=ids,
        folders={folder: _tree_id(ids, folder) for folder in folders},
        read=lambda path: files[path].encode(),
        archive=lambda history, *, lfs=True: b"archive of " + _tree_id(ids, ".").encode(),
    )


def _tree_id(ids: Mapping[str, str], folder: str) -> str:
    prefix = "" if folder == "." else f"{folder}/"
    inside = sorted(f"{path}={entry}" for path, entry in ids.items() if path.startswith(prefix))
    return digest_of(*inside)[:40]


@dataclass(frozen=True)
class PlannerInProcess:
    """A Lambda client whose one function is the planner, with the same JSON in between."""

    draft_plan: DraftPlan

    def invoke(self, *, Payload: bytes, **_: Any) -> dict[str, Any]:  # noqa: N803  # boto3's names
        answer = self.draft_plan(PlanRequest.model_validate(json.loads(Payload), strict=False))
        return {"Payload": BytesIO(answer.model_dump_json().encode())}


def a_planner(sources: SourceRepository, objects: ObjectStore) -> PlannerFunction:
    draft_plan = DraftPlan(sources, objects, Telemetry("build"))
    return PlannerFunction(PlannerInProcess(draft_plan), "planner-")


@dataclass
class FakeSourceRepository:
    """Answers with a tree, or raises. A change without another head is at its ref's."""

    tree: SourceTree
    raises: Exception | None = None
    fetched: list[Change] = field(default_factory=list)
    credentials: list[ReadCredential | None] = field(default_factory=list)
    merges: list[MergeRef | None] = field(default_factory=list)

    def fetch(
        self,
        change: Change,
        credential: ReadCredential | None = None,
        merge: MergeRef | None = None,
    ) -> SourceTree:
        self.fetched.append(change)
        self.credentials.append(credential)
        self.merges.append(merge)
        if self.raises:
            raise self.raises
        return self.tree if self.tree.head else replace(self.tree, head=change.sha)
