"""Builds the runner from its settings: its clients, folders, guard and sandbox."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from platform import machine, node
from typing import Any
from uuid import uuid4

from penstock_runner.adapters.bucket import Bucket
from penstock_runner.adapters.download_cache import DownloadCache
from penstock_runner.adapters.folder_store import KeptFolders
from penstock_runner.adapters.guard import ProcessGuard
from penstock_runner.adapters.http import Connections
from penstock_runner.adapters.interpreter import Interpreter
from penstock_runner.adapters.job_log import ShippedLog
from penstock_runner.adapters.linux import refuse_inspection
from penstock_runner.adapters.log_stream import CloudWatchStream
from penstock_runner.adapters.outputs import OutputStore
from penstock_runner.adapters.queue import LONGEST_POLL, SqsJobQueue
from penstock_runner.adapters.rooms import FreshRooms, RoomMaker, Rooms
from penstock_runner.adapters.scripts import add_scripts
from penstock_runner.adapters.secret_store import SecretsManager
from penstock_runner.adapters.shell import PosixShell
from penstock_runner.adapters.toolchain import describe_toolchain
from penstock_runner.adapters.transfer import Transfer
from penstock_runner.adapters.workshop import FolderWorkshop, own_folder
from penstock_runner.agent import Agent
from penstock_runner.bootstrap import SERVICE, SOURCE, stop_marks
from penstock_runner.domain.environment import Host
from penstock_runner.domain.interruption import Shutdown
from penstock_runner.domain.job_run import JobRun
from penstock_runner.domain.masking import Mask
from penstock_runner.domain.ports import OpenLog
from penstock_runner.sandbox.bubblewrap import Bubblewrap
from penstock_runner.sandbox.cell import Sandbox
from penstock_runner.sandbox.network import job_variables
from penstock_runner.sandbox.probe import Found, can_layer
from penstock_runner.sandbox.warm import WarmRooms
from penstock_runner.sandbox_bootstrap import sandbox_of
from penstock_runner.settings import RunnerSettings, passed_on, runner_settings
from penstock_runner.use_cases.handle_request import HandleRequest
from penstock_runner.use_cases.intake import Intake
from penstock_runner.use_cases.keep_lease import BEATS_PER_TERM
from penstock_runner.use_cases.run_job import RunJob
from penstock_runner.use_cases.share_folders import ShareFolders
from penstock_runner.use_cases.stop_jobs import FindStop
from penstock_shared import aws
from penstock_shared.aws.wire import WireLimits
from penstock_shared.clock import utc_now
from penstock_shared.contracts.change import readable_by
from penstock_shared.contracts.events import JobRequested
from penstock_shared.messaging.publisher import AwsPublisher
from penstock_shared.persistence.dynamodb import DynamoRecordStore
from penstock_shared.persistence.remembering import RememberingRecords
from penstock_shared.storage import ObjectStore

KEPT = "kept"
"""The folder, beside those of runners, of what jobs leave for later ones."""
JOBS = JobRequested.channel
_THREADS_PER_SLOT = 3
_CONNECTING = 2.0
_TRANSFER = 30.0
_LONG_POLL = 30.0
_PROMPT = 5.0
"""Seconds that a call may take. Leases depend on some calls, so these fail soon and are retried."""


@dataclass(frozen=True)
class Clients:
    """boto3 clients, or the lean clients that replace them."""

    dynamodb: Any
    sqs: Any
    sns: Any
    logs: Any
    s3: Any
    secretsmanager: Any

    @classmethod
    def of(cls, settings: RunnerSettings) -> "Clients":
        """Clients with a connection for every thread that may need one."""
        count = settings.penstock_runner_slots * _THREADS_PER_SLOT + 1
        prompt, polling = (WireLimits(_CONNECTING, read, count) for read in (_PROMPT, _LONG_POLL))
        return cls(
            dynamodb=aws.tuned_client("dynamodb", prompt, attempts=2),
            sqs=aws.tuned_client("sqs", polling, attempts=2),
            sns=aws.tuned_client("sns", prompt, attempts=2),
            logs=aws.tuned_client("logs", prompt, attempts=2),
            s3=aws.tuned_client("s3", prompt, attempts=2),
            secretsmanager=aws.tuned_client("secretsmanager", prompt, attempts=2),
        )


@contextmanager
def running_agent() -> Iterator[Agent]:
    """The runner, ready to run. Raises ConfigurationError for invalid settings."""
    settings = runner_settings()
    refuse_inspection()
    clients = Clients.of(settings)
    guard = ProcessGuard.on_duty()
    interpreter = Interpreter.on(settings.penstock_runner_path)
    toolchain = settings.penstock_runner_toolchain or describe_toolchain(
        settings.penstock_runner_path, interpreter
    )
    with own_folder(settings.work_folder.resolve()) as folder:
        settings = _with_scripts(settings, folder, interpreter)
        found = sandbox_of(settings, guard)
        SERVICE.telemetry.logger.info(
            "sandbox",
            made_by=found.name,
            missing=found.missing,
            trust=settings.penstock_runner_trust,
            toolchain=toolchain,
        )
        with _places(settings, found, guard, folder) as places:
            yield _agent(settings, clients, folder, Placed(guard, found, *places, toolchain))


def _with_scripts(
    settings: RunnerSettings, folder: Path, interpreter: Interpreter | None
) -> RunnerSettings:
    """Settings whose PATH begins with launchers of the machine's Python programs."""
    if interpreter is None:
        return settings
    scripts = folder / "scripts"  # not `bin`: a sandbox also shows what lies beside a bin
    add_scripts(scripts, interpreter)
    path = f"{scripts}:{settings.penstock_runner_path}"
    return settings.model_copy(update={"penstock_runner_path": path})


@dataclass(frozen=True)
class Placed:
    """Where jobs run: their rooms, the sandboxes that know these, and the machine's toolchain."""

    guard: ProcessGuard
    found: Found
    rooms: Rooms
    sandbox: Sandbox
    toolchain: str


@contextmanager
def _places(
    settings: RunnerSettings, found: Found, guard: ProcessGuard, folder: Path
) -> Iterator[tuple[Rooms, Sandbox]]:
    maker = RoomMaker(folder, Interpreter.on(settings.penstock_runner_path))
    if not isinstance(found.sandbox, Bubblewrap):
        yield FreshRooms(maker), found.sandbox
        return
    warm = WarmRooms(maker, found.sandbox, guard, settings.penstock_runner_slots)
    warm.open()
    try:
        yield warm, warm
    finally:
        warm.close()


def _agent(settings: RunnerSettings, clients: Clients, folder: Path, placed: Placed) -> Agent:
    shutdown = Shutdown()
    queue = _queue(settings, clients)
    run_job = _run_job(settings, clients, folder, placed)
    intake = Intake(settings.penstock_runner_trust, placed.found.confines)
    handle = _handler(settings, clients, queue, run_job, intake, shutdown)
    until_heartbeat = settings.penstock_runner_lease_seconds // BEATS_PER_TERM + 2
    slots = settings.penstock_runner_slots
    return Agent(
        queue,
        handle,
        shutdown,
        SERVICE.telemetry,
        slots,
        hidden_for=until_heartbeat,
        tidy_up=placed.rooms.tidy_up,
    )


def _run_job(settings: RunnerSettings, clients: Clients, folder: Path, placed: Placed) -> RunJob:
    workshop = _workshop(settings, clients, folder, placed.rooms)
    shell = PosixShell(placed.guard, placed.sandbox)
    host = _host(settings, placed)
    return RunJob(
        workshop=workshop,
        shell=shell,
        secrets=SecretsManager(clients.secretsmanager, settings.penstock_stage),
        open_log=_log_opener(settings, clients),
        host=host,
        clock=utc_now,
        share=ShareFolders(
            store=_store(settings),
            workshop=workshop,
            shell=shell,
            host=host,
            can_layer=cache(lambda: can_layer(placed.found.sandbox, folder)),
            machine=_machine(settings),
        ),
    )


def _store(settings: RunnerSettings) -> KeptFolders:
    higher = readable_by(settings.penstock_runner_trust)[:-1]
    return KeptFolders(
        settings.work_folder / KEPT,
        settings.penstock_runner_kept_bytes,
        [settings.penstock_runner_workdir / trust / KEPT for trust in reversed(higher)],
    )


def _machine(settings: RunnerSettings) -> str:
    """What an environment is made with, apart from its inputs. All runners of this machine and
    this PATH say the same.
    """
    python = Interpreter.on(settings.penstock_runner_path)
    made_by = f"{python.executable} {python.version}" if python else ""
    own = str(settings.work_folder.resolve())
    path = [name for name in settings.penstock_runner_path.split(":") if not name.startswith(own)]
    return f"{sys.platform} {machine()} {made_by} {':'.join(path)}"


def _host(settings: RunnerSettings, placed: Placed) -> Host:
    passed = {**passed_on(settings), **(job_variables() if placed.found.confines else {})}
    return Host(
        settings.penstock_runner_path, settings.penstock_runner_presets, passed, placed.toolchain
    )


def _queue(settings: RunnerSettings, clients: Clients) -> SqsJobQueue:
    url = f"{settings.queue_url_prefix}{JOBS}-{settings.penstock_runner_trust}"
    poll = settings.penstock_runner_lease_seconds * (BEATS_PER_TERM - 1) // BEATS_PER_TERM
    return SqsJobQueue(clients.sqs, url, f"{url}-dlq", max(1, min(poll, LONGEST_POLL)))


def _handler(
    settings: RunnerSettings,
    clients: Clients,
    queue: SqsJobQueue,
    run_job: RunJob,
    intake: Intake,
    shutdown: Shutdown,
) -> HandleRequest:
    publisher = AwsPublisher(
        clients.sns, clients.sqs, settings.topic_arn_prefix, settings.queue_url_prefix
    )
    table = DynamoRecordStore(clients.dynamodb, settings.table_name, JobRun, swept=False)
    return HandleRequest(
        queue=queue,
        records=lambda: RememberingRecords(table, publisher, SOURCE),
        publisher=publisher,
        run_job=run_job,
        intake=intake,
        stopped_because=FindStop(stop_marks(clients.dynamodb, settings.table_name)),
        telemetry=SERVICE.telemetry,
        shutdown=shutdown,
        runner=f"{settings.penstock_runner_name or node()}-{uuid4().hex[:8]}",
        term=timedelta(seconds=settings.penstock_runner_lease_seconds),
    )


def _workshop(
    settings: RunnerSettings, clients: Clients, folder: Path, rooms: Rooms
) -> FolderWorkshop:
    slots = settings.penstock_runner_slots
    transfer = Transfer(Connections(_TRANSFER, slots, ca_bundle=settings.aws_ca_bundle))
    bucket = Bucket(ObjectStore(clients.s3, settings.artifact_bucket), transfer)
    shared = settings.work_folder / "cache"
    cache = DownloadCache(shared, folder, settings.penstock_runner_cache_bytes, bucket)
    outputs = OutputStore(bucket, settings.penstock_runner_output_bytes, settings.builder)
    return FolderWorkshop(rooms, cache, outputs)


def _log_opener(settings: RunnerSettings, clients: Clients) -> OpenLog:
    def open_log(stream: str, command: str, mask: Mask | None) -> ShippedLog:
        sink = CloudWatchStream(clients.logs, settings.job_log_group, stream)
        return ShippedLog(sink, command, settings.penstock_runner_log_bytes, mask)

    return open_log
