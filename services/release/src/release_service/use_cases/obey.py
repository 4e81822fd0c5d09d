"""People say abort or promote: one message, one flow."""

from dataclasses import dataclass

from penstock_shared.clock import Clock
from penstock_shared.contracts.commands import ABORT, ReleaseCommand
from penstock_shared.decisions import Cause, Decision, Outcome
from penstock_shared.observability import new_traceparent
from penstock_shared.persistence.outbox import Records
from release_service.domain import release
from release_service.domain.release import Release


@dataclass(frozen=True)
class Obey:
    """Judges what people ask of a release."""

    releases: Records[Release]
    clock: Clock

    def __call__(self, topic: str, command: ReleaseCommand) -> Outcome[Release]:
        """Abort or promote the flow that the command names, as its topic says."""
        known = self.releases.get(command.flow_id)
        now = self.clock()
        trace = known.traceparent if known else ""
        cause = Cause(command.flow_id, trace or new_traceparent(command.flow_id, now))

        def decide(known: Release | None) -> Decision[Release]:
            if topic == ABORT:
                return release.abort(known, command)
            return release.promote(known, command, now)

        return self.releases.change(command.flow_id, cause, decide)
