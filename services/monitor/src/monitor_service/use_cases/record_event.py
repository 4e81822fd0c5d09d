"""Keep what an event tells."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from monitor_service.domain.ports import FactStore
from monitor_service.domain.recording import Recording, recording_of, recording_of_request
from penstock_shared.clock import Clock, utc_now
from penstock_shared.contracts.commands import AbortRelease
from penstock_shared.contracts.event import Event, EventData
from penstock_shared.decisions import Cause, Outcome, Result

RETENTION = timedelta(days=90)
"""How long a flow can be shown after its events."""


@dataclass(frozen=True)
class RecordEvent:
    """Writes one fact an event, with one call; with two for an environment of many components.

    Whoever may publish for a runner can say anything of any job, so what is said of jobs is kept
    only if `believed` says that it comes from a runner that was given the job.
    """

    store: FactStore
    believed: Callable[[Event[EventData]], bool]

    def __call__(self, event: Event[EventData], _cause: Cause) -> Outcome[Any]:
        """Keep what an event tells. Raises RefusedMessageError for a type that is not kept."""
        if not self.believed(event):
            return Outcome(Result.REFUSED, None, f"{event.type} has not its job's proof")
        return _record(self.store, event.flow_id, recording_of(event), event.time)


@dataclass(frozen=True)
class RecordRequest:
    """Writes down that somebody asked for an abort."""

    store: FactStore
    clock: Clock = field(default=utc_now)

    def __call__(self, command: AbortRelease, _cause: Cause) -> Outcome[Any]:
        """Keep who asked, and why."""
        recording = recording_of_request(command)
        return _record(self.store, command.flow_id, recording, self.clock())


def _record(store: FactStore, flow_id: str, recording: Recording, at: datetime) -> Outcome[Any]:
    expires_at = at + RETENTION
    if recording.components:
        store.record(flow_id, Recording(recording.components), expires_at)
    written = store.record(flow_id, recording, expires_at)
    return Outcome(Result.APPLIED if written else Result.ALREADY_DONE, None)
