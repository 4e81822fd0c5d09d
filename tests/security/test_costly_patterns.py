"""M3: a few bytes of `penstock.yml` that stand for too much work.

The attack: a branch of 50,000 files has 100 patterns with wildcards in its `watch`, 1 KB in all. To
plan it took 16 s, and with 1,000 patterns the planner ran out of time. The worker waits for the
planner: of a push of two such branches, both in one batch, it runs out of time itself, and the
messages of other flows in that batch are given up after five such tries.
"""

import pytest

from build_service.domain.errors import BuildError
from build_service.domain.source import MOST_COMPARISONS, SourceTree
from penstock_shared.inputs import PathIndex
from tests.support.builders import NOW

FILES = {f"{folder}/{number}.py": "100644 0" for folder in ("a", "b") for number in range(5_000)}


@pytest.fixture
def tree() -> SourceTree:
    return SourceTree(
        tree_id="1" * 40,
        committed_at=NOW,
        files=FILES,
        folders={".": "1" * 40, "a": "2" * 40, "b": "3" * 40},
        read=lambda _path: b"",
        archive=lambda history, *, lfs=True: b"",
    )


def test_patterns_that_ask_for_too_many_comparisons_are_refused(tree: SourceTree) -> None:
    most = MOST_COMPARISONS // len(FILES)
    for number in range(most):
        tree.digest(f"*/*{number}x")

    with pytest.raises(BuildError, match=r"too many patterns with wildcards .* 10,000 files"):
        tree.digest("*/one-more")
    assert tree.digest("a") == "2" * 40


def test_a_pattern_is_compared_with_the_paths_in_the_folder_that_it_begins_with() -> None:
    index = PathIndex([*FILES, "a.py", "a-b/1.py"])

    assert len(index.compared_with("a/*.py")) == len(FILES) // 2
    assert index.named_by("a/7*0.py") == index.named_by("[a]/7*0.py")
    assert index.named_by("a/**/7.py") == ["a/7.py"]
