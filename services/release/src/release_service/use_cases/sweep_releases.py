"""Sweeps bakes whose wait was lost, and releases that production does not answer."""

from dataclasses import dataclass
from datetime import timedelta

from penstock_shared.persistence.sweep import Sweep
from release_service.domain.ports import Bakes
from release_service.domain.release import Release, ReleaseState

LONGEST_BAKE = timedelta(days=31)
"""Longer than any bake: penstock.yml allows 30 days."""


@dataclass(frozen=True)
class SweepReleases:
    """Ends what is overdue, then restarts the waits of bakes that have lost theirs."""

    sweep: Sweep[Release]
    bakes: Bakes

    def __call__(self) -> int:
        """Returns how many releases were checked."""
        looked_at = self.sweep()
        releases = self.sweep.records
        for key in releases.store.due(releases.clock() + LONGEST_BAKE):
            known = releases.get(key)
            if known and known.state is ReleaseState.BAKING and known.deadline:
                self.bakes.ensure(known.flow_id, known.deadline)
                looked_at += 1
        return looked_at
