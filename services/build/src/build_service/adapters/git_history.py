"""Chooses the part of a repository's history that a snapshot includes."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from dulwich.object_store import BaseObjectStore
from dulwich.objects import S_ISGITLINK, Commit, ObjectID, ShaFile, Tag, Tree

Tags = Mapping[bytes, ObjectID]


@dataclass(frozen=True)
class Past:
    """History in addition to a commit and its tree.

    `tags` maps a tag's full ref to the object that it names and to the commit behind it. `shallow`
    are commits whose parents are left out. `has_trees` is whether the files of every commit are
    included.
    """

    objects: tuple[ShaFile, ...] = ()
    tags: Mapping[bytes, tuple[ObjectID, ObjectID]] = field(default_factory=dict)
    shallow: tuple[ObjectID, ...] = ()
    has_trees: bool = True

    @property
    def size(self) -> int:
        """The bytes of all objects, unpacked."""
        return sum(each.raw_length() for each in self.objects)


def commits_and_tags(store: BaseObjectStore, commit: Commit, tags: Tags) -> Past:
    """What `git describe` and `git log` need: all commits before this one, and their tags."""
    commits = _ancestry(store, commit)
    annotated, reached = _tags_at(store, commits, tags)
    return Past(
        objects=(*commits.values(), *annotated),
        tags=reached,
        shallow=_edge(commits),
        has_trees=False,
    )


def everything(store: BaseObjectStore, commit: Commit, tags: Tags) -> Past:
    """All commits before this one with all their files, and their tags."""
    past = commits_and_tags(store, commit, tags)
    roots = [each.tree for each in past.objects if isinstance(each, Commit)]
    objects = (*past.objects, *_beneath(store, roots))
    return Past(objects, past.tags, past.shallow)


def _ancestry(store: BaseObjectStore, commit: Commit) -> dict[ObjectID, Commit]:
    found: dict[ObjectID, Commit] = {}
    ahead = [commit.id]
    while ahead:
        sha = ahead.pop()
        if sha in found or sha not in store:
            continue
        each = store[sha]
        if isinstance(each, Commit):
            found[sha] = each
            ahead += each.parents
    return found


def was_passed(store: BaseObjectStore, commit: ObjectID, head: ObjectID) -> bool:
    """Whether the history of `head` has this commit."""
    seen: set[ObjectID] = set()
    ahead = [head]
    while ahead:
        sha = ahead.pop()
        if sha == commit:
            return True
        if sha not in seen:
            seen.add(sha)
            ahead += _parents(store, sha)
    return False


def was_passed_since(
    store: BaseObjectStore, commit: ObjectID, head: ObjectID, since: datetime
) -> bool:
    """Whether the first commit after this one on the way to `head` is of that moment or later.

    The way is that of first parents: what a merge brought in was never the ref's own commit.
    """
    ahead = [head]
    while ahead and ahead[0] in store:
        found = store[ahead[0]]
        if not isinstance(found, Commit) or found.commit_time < since.timestamp():
            return False
        ahead = found.parents[:1]
        if commit in ahead:
            return True
    return False


def _parents(store: BaseObjectStore, sha: ObjectID) -> Iterable[ObjectID]:
    if sha not in store:
        return ()
    found = store[sha]
    return found.parents if isinstance(found, Commit) else ()


def _edge(commits: Mapping[ObjectID, Commit]) -> tuple[ObjectID, ...]:
    """The commits whose parents are missing in the repository itself."""
    return tuple(
        sorted(
            sha
            for sha, commit in commits.items()
            if any(parent not in commits for parent in commit.parents)
        )
    )


def _tags_at(
    store: BaseObjectStore, commits: Mapping[ObjectID, Commit], tags: Tags
) -> tuple[list[ShaFile], dict[bytes, tuple[ObjectID, ObjectID]]]:
    objects: dict[ObjectID, ShaFile] = {}
    reached = {}
    for name, sha in tags.items():
        chain = list(_peeled(store, sha))
        if chain and chain[-1].id in commits:
            reached[name] = (sha, chain[-1].id)
            objects |= {each.id: each for each in chain[:-1]}
    return list(objects.values()), reached


def _peeled(store: BaseObjectStore, sha: ObjectID) -> Iterator[ShaFile]:
    """A tag and what it points at, tag by tag, up to the first object that is not a tag."""
    while sha in store:
        found = store[sha]
        yield found
        if not isinstance(found, Tag):
            return
        sha = found.object[1]


def _beneath(store: BaseObjectStore, roots: Iterable[ObjectID]) -> Iterator[ShaFile]:
    """Each tree and file below these trees, once."""
    seen: set[ObjectID] = set()
    ahead = list(roots)
    while ahead:
        sha = ahead.pop()
        if sha in seen:
            continue
        seen.add(sha)
        found = store[sha]
        yield found
        if isinstance(found, Tree):
            ahead += [each.sha for each in found.items() if not S_ISGITLINK(each.mode)]
