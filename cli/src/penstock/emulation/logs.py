"""Keeps logs out of memory: those of jobs are on disk, those of functions are limited."""

# ruff: noqa: SLF001

import builtins
import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload

FUNCTION_STREAMS_KEPT = 300
"""Streams of each function's log. ministack makes one per invocation and keeps them all."""
JOB_STREAMS_KEPT = 10_000
JOB_BYTES_KEPT = 2 << 30
"""Bytes of all other logs together; the oldest streams are removed first."""
_FUNCTIONS = "/aws/lambda/"
_BLOCK = 256
"""Events per block. The offset of each block is known, and the last read one is cached."""

Event = dict[str, Any]


@dataclass
class StoredEvents(Sequence[Event]):
    """The events of one log stream in an append-only file, one line of JSON each.

    Replaces ministack's list, with what ministack uses of it: length, items, slices and `extend`.
    """

    path: Path
    size: int = 0
    _starts: list[int] = field(default_factory=lambda: [0])
    _count: int = 0
    _block: tuple[int, list[Event]] = (-1, [])

    @classmethod
    def saved(cls, path: Path, size: int) -> "StoredEvents":
        """The first `size` bytes of a file; what was written after the save is cut off."""
        found = cls(path)
        with path.open("r+b") as file:
            file.truncate(size)
            for line in file:
                found._note(len(line))
        return found

    def extend(self, events: Sequence[Event]) -> None:
        """Append events."""
        lines = [(json.dumps(event) + "\n").encode() for event in events]
        with self.path.open("ab") as file:
            file.writelines(lines)
        for line in lines:
            self._note(len(line))
        self._block = (-1, [])

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> list[Event]: ...
    def __getitem__(self, index: int | slice) -> Event | list[Event]:
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(self._count))]
        position = index + self._count if index < 0 else index
        if not 0 <= position < self._count:
            raise IndexError(index)
        return self._read(position // _BLOCK)[position % _BLOCK]

    def __iter__(self) -> Iterator[Event]:
        for number in range(len(self._starts)):
            yield from self._read(number)

    def _note(self, length: int) -> None:
        self.size += length
        self._count += 1
        if self._count % _BLOCK == 0:
            self._starts.append(self.size)

    def _read(self, number: int) -> list[Event]:
        if self._block[0] != number:
            begin = self._starts[number]
            end = self._starts[number + 1] if number + 1 < len(self._starts) else self.size
            with self.path.open("rb") as file:
                file.seek(begin)
                lines = file.read(end - begin).splitlines()
            self._block = number, [json.loads(line) for line in lines]
        return self._block[1]


@dataclass(frozen=True)
class JobLogs:
    """The folder of the jobs' logs, and their form in a saved state."""

    folder: Path

    def new(self) -> StoredEvents:
        """The events of a new stream."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return StoredEvents(self.folder / f"{uuid.uuid4().hex}.jsonl")

    def encode(self, events: StoredEvents) -> dict[str, Any]:
        """The form of the events in a saved state: file and size."""
        return {"__stored_events__": [events.path.name, events.size]}

    def decode(self, saved: dict[str, Any]) -> Any:
        """The events of a form that `encode` made; any other value unchanged."""
        if "__stored_events__" not in saved:
            return saved
        name, size = saved["__stored_events__"]
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        return StoredEvents.saved(path, size)

    def remove_all_but(self, kept: set[Path]) -> None:
        """Remove files of no stream: the emulator was killed before it saved the stream."""
        for path in self.folder.glob("*.jsonl"):
            if path not in kept:
                path.unlink()


def keep_logs_short(logs: JobLogs) -> None:
    """Put the events of new streams on disk, and remove the oldest streams beyond the limits."""
    from ministack.services import cloudwatch_logs, lambda_svc

    create, append = cloudwatch_logs._create_log_stream, cloudwatch_logs._append_log_events
    emit = lambda_svc._emit_lambda_logs

    def create_on_disk(data: dict[str, Any]) -> Any:
        answer = create(data)
        group = cloudwatch_logs._log_groups.get(data.get("logGroupName"))
        stream = (group or {"streams": {}})["streams"].get(data.get("logStreamName"))
        if stream and stream["events"] == [] and isinstance(stream["events"], list):
            stream["events"] = logs.new()
            _drop_oldest(group["streams"])
        return answer

    def append_in_order(stream: dict[str, Any], events: list[Event]) -> None:
        before = stream["events"]
        append(stream, events)
        if isinstance(before, StoredEvents) and stream["events"] is not before:
            # A batch came late, and ministack has merged it with the stored events into a list.
            merged, stream["events"] = stream["events"], logs.new()
            stream["events"].extend(merged)
            before.path.unlink(missing_ok=True)

    def emit_and_drop(*args: Any, **kwargs: Any) -> None:
        emit(*args, **kwargs)
        for name, group in list(cloudwatch_logs._log_groups._data.items()):
            streams = group["streams"]
            if name[-1].startswith(_FUNCTIONS) and len(streams) > FUNCTION_STREAMS_KEPT:
                streams.pop(next(iter(streams)), None)

    cloudwatch_logs._create_log_stream = create_on_disk
    cloudwatch_logs._append_log_events = append_in_order
    lambda_svc._emit_lambda_logs = emit_and_drop
    _keep_no_second_copy(cloudwatch_logs)
    _load_without_reading(cloudwatch_logs, logs)


def _drop_oldest(streams: dict[str, dict[str, Any]]) -> None:
    stored = [(name, stream["events"]) for name, stream in streams.items()]
    weight = sum(events.size for _, events in stored if isinstance(events, StoredEvents))
    for name, events in stored[:-1]:
        if len(streams) <= JOB_STREAMS_KEPT and weight <= JOB_BYTES_KEPT:
            return
        del streams[name]
        if isinstance(events, StoredEvents):
            weight -= events.size
            events.path.unlink(missing_ok=True)


def _keep_no_second_copy(cloudwatch_logs: Any) -> None:
    """Drop ministack's second copy of each line: it is for Logs Insights, which is not used."""
    from ministack.core.responses import AccountRegionScopedDict

    class Nothing(AccountRegionScopedDict):  # type: ignore[misc]  # not installed where types are checked
        def __setitem__(self, key: Any, value: Any) -> None:
            """Keep nothing."""

        def update(self, *_: Any, **__: Any) -> None:
            """Keep nothing."""

    cloudwatch_logs._log_records = Nothing()


def _load_without_reading(cloudwatch_logs: Any, logs: JobLogs) -> None:
    load = cloudwatch_logs.load_persisted_state

    def load_and_tidy(state: Any) -> None:
        load(state)
        groups = cloudwatch_logs._log_groups._data.values()
        events = [stream["events"] for group in groups for stream in group["streams"].values()]
        logs.remove_all_but({each.path for each in events if isinstance(each, StoredEvents)})

    def sorted_unless_stored(events: Any, **options: Any) -> Any:
        # ministack sorts events into a list when it loads; stored ones are already sorted.
        stored = isinstance(events, StoredEvents)
        return events if stored else builtins.sorted(events, **options)

    cloudwatch_logs.sorted = sorted_unless_stored
    cloudwatch_logs.load_persisted_state = load_and_tidy
