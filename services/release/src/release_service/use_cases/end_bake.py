"""The bake's wait is over: promote the release."""

from dataclasses import dataclass

from penstock_shared.clock import Clock
from penstock_shared.decisions import Cause, Outcome, Result
from penstock_shared.persistence.outbox import Records
from release_service.domain import release
from release_service.domain.release import Release


@dataclass(frozen=True)
class EndBake:
    """Ends a bake by promoting its release."""

    releases: Records[Release]
    clock: Clock

    def __call__(self, flow_id: str) -> Outcome[Release]:
        """Promote the release, once, unless it was stopped meanwhile."""
        known = self.releases.get(flow_id)
        if known is None:
            return Outcome(Result.STALE, None, "there is no such release")
        cause = Cause(flow_id, known.traceparent)
        now = self.clock()
        return self.releases.change(flow_id, cause, lambda known: release.end_bake(known, now))
