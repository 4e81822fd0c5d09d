"""The record of a place where answers are put: a commit, or a pull request.

It says what the place should show, what it was told last, and who is telling it now. One teller at
a time tells a place, the newest that is known: so no older state follows a newer one, however many
functions work on the same commit.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from answers_service.domain.answer import AnsweredCommit, Comment, Status
from penstock_shared.decisions import Decision, Record, Write, already_done
from penstock_shared.identifiers import digest_of

TELLING = timedelta(seconds=60)
"""How long a place belongs to its teller: longer than its function may run."""
COMMENT = "comment"
"""The name of the comment among what is told. No status has it: theirs begin with `penstock`."""

Saying = Status | Comment


class PlaceState(StrEnum):
    """Whether somebody is telling the place something."""

    QUIET = "quiet"
    TELLING = "telling"


class WantedSaying(BaseModel):
    """What a place should show under one name.

    `order` is when the flow that says so was asked for, and `progress` how much was known of it.
    """

    model_config = ConfigDict(frozen=True)

    saying: Saying
    order: datetime
    flow_id: str
    progress: int

    @property
    def age(self) -> tuple[datetime, str, int]:
        """Sorts what is said under one name, the newest last."""
        return self.order, self.flow_id, self.progress


class Told(BaseModel):
    """What a place shows under one name. `handle` is the forge's id of it, to change it by."""

    model_config = ConfigDict(frozen=True)

    digest: str
    handle: str = ""


class AnswerPlace(Record):
    """One commit, or one pull request. `mark` is hidden in its comment, to find that again."""

    transitions: ClassVar[Mapping[PlaceState, frozenset[PlaceState]]] = {
        PlaceState.QUIET: frozenset({PlaceState.TELLING}),
        PlaceState.TELLING: frozenset({PlaceState.QUIET}),
    }

    state: PlaceState = PlaceState.QUIET
    target: AnsweredCommit
    wanted: dict[str, WantedSaying] = {}
    told: dict[str, Told] = {}
    mark: str = ""
    teller: str = ""
    until: datetime | None = None

    @property
    def untold(self) -> tuple[str, ...]:
        """The names of what the place does not show yet, in the order in which they are told."""
        return tuple(name for name, wanted in self.wanted.items() if self._differs(name, wanted))

    def _differs(self, name: str, wanted: WantedSaying) -> bool:
        told = self.told.get(name)
        return told is None or told.digest != wanted.saying.digest


def commit_key(target: AnsweredCommit) -> str:
    """The key of the place of a commit's statuses."""
    return f"commit#{target.forge}/{target.repository}#{target.sha}"


def pull_request_key(target: AnsweredCommit) -> str:
    """The key of the place of a pull request's comment."""
    return f"pull-request#{target.forge}/{target.repository}#{target.pull_request}"


def want(
    known: AnswerPlace | None,
    target: AnsweredCommit,
    wanted: Mapping[str, WantedSaying],
    teller: str,
    now: datetime,
) -> Decision[AnswerPlace]:
    """Let the place show this from now on, and have it told by `teller`.

    Nothing replaces what a newer flow, or a later state of the same flow, has said. If another
    teller is at work, the place stays with that one.
    """
    before = known or AnswerPlace(target=target, mark=digest_of("mark", teller)[:16])
    newer = {name: one for name, one in wanted.items() if _replaces(one, before.wanted.get(name))}
    after = before.model_copy(
        update={"wanted": before.wanted | newer, "target": target if newer else before.target}
    )
    if not after.untold:
        return already_done("it shows that")
    if is_told_by_another(before, teller, now):
        return Write(after) if after != before else already_done("somebody is telling it")
    mine = {"state": PlaceState.TELLING, "teller": teller, "until": now + TELLING}
    return Write(after.model_copy(update=mine))


def has_told(
    known: AnswerPlace | None, teller: str, told: Mapping[str, Told], *, ends: bool
) -> Decision[AnswerPlace]:
    """The place shows this now. The teller goes on with what has become wanted meanwhile.

    It ends if there is nothing more, or if it cannot go on (`ends`).
    """
    if known is None or known.teller != teller:
        return already_done("another teller has taken over")
    after = known.model_copy(update={"told": known.told | dict(told)})
    if ends or not after.untold:
        quiet = {"state": PlaceState.QUIET, "teller": "", "until": None}
        after = after.model_copy(update=quiet)
    return Write(after)


def _replaces(new: WantedSaying, old: WantedSaying | None) -> bool:
    return old is None or new.age >= old.age


def is_told_by_another(known: AnswerPlace, teller: str, now: datetime) -> bool:
    """Whether another teller has the place, and may still be at work."""
    if known.state is not PlaceState.TELLING or known.teller == teller:
        return False
    return known.until is not None and now < known.until


def sayings(wanted: Iterable[WantedSaying]) -> Mapping[str, WantedSaying]:
    """What is wanted, by its name at the place."""
    return {one.saying.name if isinstance(one.saying, Status) else COMMENT: one for one in wanted}
