"""Jobs, leases, and fakes of the runner's surroundings."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from penstock_runner.domain.interruption import Shutdown, StopSignal
from penstock_runner.domain.job_run import JobRun
from penstock_runner.domain.ports import Delivery, Kept, Layer, Shared, Site
from penstock_runner.use_cases.lease import Lease
from penstock_shared.contracts.event import encode, make_event
from penstock_shared.contracts.events import JobRequested
from penstock_shared.contracts.jobs import Job
from penstock_shared.decisions import Record
from penstock_shared.persistence.outbox import Records, Stored
from penstock_shared.testing.fakes import FakeClock, InMemoryRecordStore, RecordingPublisher
from tests.support.builders import FLOW_ID, PROOFS, a_cause, a_checkout

JOB_ID = "1" * 20
TERM = timedelta(seconds=10)


def a_job(run: str = "true", **given: Any) -> Job:
    values = {
        "job_id": JOB_ID,
        "owner": "build",
        "record": FLOW_ID,
        "name": "unit",
        "component": "orders",
        "run": run,
        "source": a_checkout(),
        "timeout": 60,
    }
    return Job.model_validate(values | given)


def requested(job: Job | None = None) -> JobRequested:
    return PROOFS.request(FLOW_ID, job or a_job())


def a_request(job: Job | None = None, hop: int = 3) -> str:
    cause = a_cause()
    event = make_event(
        requested(job),
        flow_id=FLOW_ID,
        source="penstock/build",
        time=FakeClock()(),
        traceparent=cause.traceparent,
        hop=hop,
    )
    return encode(event)


def a_message(body: str | None = None, received: int = 1) -> Delivery:
    return Delivery(a_request() if body is None else body, "receipt", received)


@dataclass
class CountingStore(InMemoryRecordStore[JobRun]):
    """Records the calls that would go to DynamoDB, and raises the errors in `fails`."""

    calls: list[str] = field(default_factory=list)
    fails: list[Exception] = field(default_factory=list)

    def get(self, key: str) -> Stored[JobRun] | None:
        self._count("get")
        return super().get(key)

    def put(self, key: str, stored: Stored[JobRun]) -> None:
        self._count("put")
        super().put(key, stored)

    def clear(self, key: str, stored: Stored[JobRun]) -> None:
        self._count("clear")
        super().clear(key, stored)

    def _count(self, call: str) -> None:
        self.calls.append(call)
        if self.fails:
            raise self.fails.pop(0)


@dataclass
class Table:
    """A jobs table that several runners share."""

    store: CountingStore = field(default_factory=CountingStore)
    publisher: RecordingPublisher = field(default_factory=RecordingPublisher)
    clock: FakeClock = field(default_factory=FakeClock)

    def records(self) -> Records[JobRun]:
        return Records(self.store, self.publisher, "penstock/runner", self.clock)

    def lease(self, runner: str = "ada", job: Job | None = None) -> Lease:
        return Lease(self.records(), a_cause(), requested(job), runner, TERM, StopSignal())


def silent_records(clock: FakeClock | None = None) -> Records[Any]:
    store: InMemoryRecordStore[Record] = InMemoryRecordStore()
    return Records(store, RecordingPublisher(), "penstock/runner", clock or FakeClock())


@dataclass
class FakeQueue:
    """Records what was done with messages."""

    deleted: list[Delivery] = field(default_factory=list)
    hidden: list[int] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def delete(self, message: Delivery) -> None:
        self.deleted.append(message)

    def hide(self, message: Delivery, seconds: int) -> None:
        self.hidden.append(seconds)

    def refuse(self, message: Delivery, reason: str) -> None:
        self.refused.append(reason)


@dataclass
class FakeWorkshop:
    """Makes no folders. `keep` returns `kept`."""

    folder: Path
    kept: Kept = field(default_factory=Kept)
    raises: Exception | None = None
    asked_to_keep: bool = False
    content: str = "a lock file"
    found: list[dict[str, Shared]] = field(default_factory=list)

    @contextmanager
    def site(
        self, job: Job, stop: StopSignal, found: Mapping[str, Shared] | None = None
    ) -> Iterator[Site]:
        if self.raises:
            raise self.raises
        self.found.append(dict(found or {}))
        layers = tuple(
            Layer(self.folder / name, shared.content, self.folder, self.folder, shared.key)
            for name, shared in (found or {}).items()
        )
        yield Site(self.folder, self.folder, self.folder, self.folder, layers=layers)

    def folders(self, site: Site, names: Sequence[str]) -> list[Path]:
        return [site.workdir / name for name in names]

    def moved(self, site: Site, workdir: str) -> Site:
        return site

    def with_programs(self, site: Site, names: Sequence[str]) -> Site:
        return site

    def digest(self, job: Job, patterns: tuple[str, ...], stop: StopSignal) -> str:
        return self.content

    def keep(self, job: Job, site: Site, stop: StopSignal) -> Kept:
        self.asked_to_keep = True
        return self.kept


@dataclass
class FakeFolderStore:
    """Keeps the names of folders. With `made_meanwhile` another job makes what is waited for."""

    trees: dict[str, Path] = field(default_factory=dict)
    made_meanwhile: bool = False
    kept: list[str] = field(default_factory=list)

    @contextmanager
    def newest(self, key: str) -> Iterator[Path | None]:
        yield self.trees.get(key)

    @contextmanager
    def making(self, key: str, patience: float, stop: StopSignal) -> Iterator[None]:
        if self.made_meanwhile:
            self.trees[key] = Path("/kept/by/another")
        yield

    def keep(self, key: str, folders: Sequence[Path]) -> None:
        self.kept.append(key)
        self.trees[key] = Path("/kept")

    def keep_layer(self, key: str, layer: Layer) -> None:
        self.kept.append(key)
        self.trees[key] = Path("/kept")


def stopped(give: Callable[[StopSignal], None]) -> StopSignal:
    signal = StopSignal()
    give(signal)
    return signal


def shutting_down() -> Shutdown:
    shutdown = Shutdown()
    shutdown.begin()
    return shutdown
