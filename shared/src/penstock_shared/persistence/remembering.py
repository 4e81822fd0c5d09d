"""Saves reading records that this process has just written."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from penstock_shared.decisions import Cause, Decision, Outcome, Record, Write
from penstock_shared.errors import VersionConflictError
from penstock_shared.persistence.outbox import Records, Stored

REMEMBERED = 32

R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class RememberingRecords(Records[R]):
    """Records that remember the last few that were written, and change those without a read.

    If another process has changed such a record, the version check fails. A refusal is never based
    on a remembered record: `decide` is asked again with the stored one.
    """

    _written: dict[str, Stored[R]] = field(default_factory=dict)

    def change(
        self,
        key: str,
        cause: Cause,
        decide: Callable[[R | None], Decision[R]],
        *,
        expect_new: bool = False,
    ) -> Outcome[R]:
        """See Records.change. Saves a read if this process wrote the record last."""
        stored = self._written.pop(key, None)
        decision = decide(stored.record) if stored else None
        if isinstance(decision, Write):
            try:
                outcome = self._apply(key, cause, stored, decision)
            except VersionConflictError:
                expect_new = False
            else:
                if outcome.applied:
                    return outcome
        return super().change(key, cause, decide, expect_new=expect_new)

    def _apply(
        self, key: str, cause: Cause, stored: Stored[R] | None, change: Write[R]
    ) -> Outcome[R]:
        outcome = super()._apply(key, cause, stored, change)
        if outcome.applied:
            if len(self._written) >= REMEMBERED:
                self._written.pop(next(iter(self._written)), None)
            version = stored.version + 1 if stored else 1
            self._written[key] = Stored(change.record, version)
        return outcome
