"""People publish abort or promote commands, one message for one flow."""

from dataclasses import dataclass, replace

from penstock_shared.clock import Clock
from penstock_shared.contracts.commands import AbortRelease, PromoteRelease
from penstock_shared.decisions import Cause, Decision, Outcome
from penstock_shared.persistence.outbox import Records
from release_service.domain import release
from release_service.domain.release import Release


@dataclass(frozen=True)
class JudgeCommand:
    """Carries out or refuses commands about a release."""

    releases: Records[Release]
    clock: Clock

    def __call__(self, command: AbortRelease | PromoteRelease, cause: Cause) -> Outcome[Release]:
        """Abort or promote the flow that the command names."""
        known = self.releases.get(command.flow_id)
        now = self.clock()
        if known and known.traceparent:
            cause = replace(cause, traceparent=known.traceparent)

        def decide(known: Release | None) -> Decision[Release]:
            if isinstance(command, AbortRelease):
                return release.abort(known, command)
            return release.promote(known, command, now)

        return self.releases.change(command.flow_id, cause, decide)
