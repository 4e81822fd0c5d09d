"""Tells a forge what a place should show, as its only teller."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from uuid import uuid4

from answers_service.domain import place
from answers_service.domain.answer import AnsweredCommit, Status
from answers_service.domain.errors import NotToldError, TellLaterError
from answers_service.domain.place import AnswerPlace, Told, WantedSaying
from answers_service.domain.ports import ForgeApi
from penstock_shared.clock import Clock
from penstock_shared.decisions import Cause
from penstock_shared.persistence.outbox import Records

BUDGET = timedelta(seconds=15)
"""How long one message is worked on. A forge that does not answer takes eleven seconds more, and
the function has thirty."""
SOON = 1.0
"""Seconds until a message comes back whose budget was spent."""
BUSY = 5.0
"""Seconds until a message comes back whose place another function is telling. Most are done by
then; one that has died holds its place for longer."""


def new_teller() -> str:
    """A name that no other teller has."""
    return uuid4().hex


@dataclass
class _Turn:
    """What one teller has told, with how many calls, and why it told no more."""

    calls: int = 0
    told: dict[str, Told] = field(default_factory=dict)
    refused: dict[str, NotToldError] = field(default_factory=dict)
    later: TellLaterError | None = None


@dataclass(frozen=True)
class Tell:
    """Lets places show what they should."""

    places: Records[AnswerPlace]
    clock: Clock
    make_teller: Callable[[], str] = new_teller

    def __call__(
        self,
        key: str,
        target: AnsweredCommit,
        wanted: Mapping[str, WantedSaying],
        api: ForgeApi,
        cause: Cause,
    ) -> None:
        """Return once the place shows this, or something newer.

        Raises TellLaterError if it does not yet, and NotToldError if the forge refuses a part of
        it: the rest is told.
        """
        teller, now = self.make_teller(), self.clock()
        known = self.places.change(
            key, cause, lambda known: place.want(known, target, wanted, teller, now)
        ).record
        if known is None or not known.untold:
            return
        if known.teller != teller:
            raise TellLaterError("another function is telling it", _left(known, now))
        self._tell_all(key, known, api, cause)

    def _tell_all(self, key: str, known: AnswerPlace, api: ForgeApi, cause: Cause) -> None:
        """Tell until nothing new is wanted: others add to it meanwhile."""
        teller, end, turn = known.teller, self.clock() + BUDGET, _Turn()
        current: AnswerPlace | None = known
        while current and current.teller == teller:
            before = turn.calls
            self._tell_some(current, api, turn, end)
            ends = turn.later is not None or turn.calls == before
            decide = partial(place.has_told, teller=teller, told=dict(turn.told), ends=ends)
            current = self.places.change(key, cause, decide).record
        if turn.later:
            raise turn.later
        for error in turn.refused.values():
            raise error

    def _tell_some(self, known: AnswerPlace, api: ForgeApi, turn: _Turn, end: datetime) -> None:
        for name in known.untold:
            if name in turn.refused:
                continue
            if self.clock() >= end:
                turn.later = TellLaterError("there is more to tell than one call may take", SOON)
                return
            try:
                turn.told[name] = _show(api, known, name)
                turn.calls += 1
            except TellLaterError as error:
                turn.later = error
                return
            except NotToldError as error:
                turn.refused[name] = error


def _show(api: ForgeApi, known: AnswerPlace, name: str) -> Told:
    saying = known.wanted[name].saying
    handle = known.told[name].handle if name in known.told else ""
    if isinstance(saying, Status):
        shown = api.show_status(known.target, saying, handle)
    else:
        shown = api.show_comment(known.target, saying, handle, known.mark)
    return Told(digest=saying.digest, handle=shown)


def _left(known: AnswerPlace, now: datetime) -> float:
    left = (known.until - now).total_seconds() if known.until else SOON
    return max(SOON, min(BUSY, left))
