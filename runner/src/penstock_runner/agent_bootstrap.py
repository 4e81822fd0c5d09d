"""Builds the runner from its settings: makes all its clients, folders and guards."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from platform import node
from typing import Any
from uuid import uuid4

from penstock_runner.adapters.bucket import Bucket
from penstock_runner.adapters.download_cache import DownloadCache
from penstock_runner.adapters.guard import ProcessGuard
from penstock_runner.adapters.http import Connections
from penstock_runner.adapters.interpreter import Interpreter
from penstock_runner.adapters.job_log import ShippedLog
from penstock_runner.adapters.linux import refuse_inspection
from penstock_runner.adapters.log_stream import CloudWatchStream
from penstock_runner.adapters.queue import LONGEST_POLL, SqsJobQueue
from penstock_runner.adapters.shell import PosixShell
from penstock_runner.adapters.transfer import Transfer
from penstock_runner.adapters.workshop import FolderWorkshop, own_folder
from penstock_runner.agent import Agent
from penstock_runner.bootstrap import SERVICE, SOURCE, stop_marks
from penstock_runner.domain.environment import Host
from penstock_runner.domain.interruption import Shutdown
from penstock_runner.domain.job_run import JobRun
from penstock_runner.domain.ports import OpenLog
from penstock_runner.sandbox.network import job_variables
from penstock_runner.sandbox.probe import Found
from penstock_runner.sandbox_bootstrap import sandbox_of
from penstock_runner.settings import RunnerSettings, passed_on, runner_settings
from penstock_runner.use_cases.handle_request import HandleRequest
from penstock_runner.use_cases.keep_lease import BEATS_PER_TERM
from penstock_runner.use_cases.run_job import RunJob
from penstock_runner.use_cases.stop_jobs import FindStop
from penstock_shared import aws
from penstock_shared.aws.wire import Limits
from penstock_shared.clock import utc_now
from penstock_shared.messaging.publisher import AwsPublisher
from penstock_shared.persistence.dynamodb import DynamoRecordStore
from penstock_shared.persistence.remembering import RememberingRecords
from penstock_shared.storage import ObjectStore

JOBS = "jobs"
_THREADS_PER_SLOT = 3
_CONNECTING = 2.0
_TRANSFER = 30.0
_LONG_POLL = 30.0
_PROMPT = 5.0
"""Seconds that a call may take. A lease hangs on some: they fail soon, and are tried again."""


@dataclass(frozen=True)
class Clients:
    """boto3 clients, or what stands in for them."""

    dynamodb: Any
    sqs: Any
    sns: Any
    logs: Any
    s3: Any

    @classmethod
    def of(cls, told: RunnerSettings) -> "Clients":
        """Clients with a connection for every thread that may want one."""
        count = told.penstock_runner_slots * _THREADS_PER_SLOT + 1
        prompt, polling = (Limits(_CONNECTING, read, count) for read in (_PROMPT, _LONG_POLL))
        return cls(
            dynamodb=aws.tuned_client("dynamodb", prompt, attempts=2),
            sqs=aws.tuned_client("sqs", polling, attempts=2),
            sns=aws.tuned_client("sns", prompt, attempts=2),
            logs=aws.tuned_client("logs", prompt, attempts=2),
            s3=aws.tuned_client("s3", prompt, attempts=2),
        )


@contextmanager
def running_agent() -> Iterator[Agent]:
    """The runner, ready to run. Raises ConfigurationError for settings that are wrong."""
    told = runner_settings()
    refuse_inspection()
    clients = Clients.of(told)
    with own_folder(told.penstock_runner_workdir) as folder:
        yield _agent(told, clients, folder)


def _agent(told: RunnerSettings, clients: Clients, folder: Path) -> Agent:
    shutdown = Shutdown()
    queue = _queue(told, clients)
    guard = ProcessGuard.on_duty()
    found = sandbox_of(told, guard)
    SERVICE.telemetry.logger.info("sandbox", made_by=found.name, missing=found.missing)
    run_job = RunJob(
        workshop=_workshop(told, clients, folder),
        shell=PosixShell(guard, found.sandbox),
        open_log=_log_opener(told, clients),
        host=_host(told, found),
        clock=utc_now,
    )
    handle = _handler(told, clients, queue, run_job, shutdown)
    until_heartbeat = told.penstock_runner_lease_seconds // BEATS_PER_TERM + 2
    slots = told.penstock_runner_slots
    return Agent(queue, handle, shutdown, SERVICE.telemetry, slots, hidden_for=until_heartbeat)


def _host(told: RunnerSettings, found: Found) -> Host:
    passed = {**passed_on(told), **(job_variables() if found.confines else {})}
    return Host(told.penstock_runner_path, told.penstock_runner_presets, passed)


def _queue(told: RunnerSettings, clients: Clients) -> SqsJobQueue:
    url = f"{told.queue_url_prefix}{JOBS}"
    poll = told.penstock_runner_lease_seconds * (BEATS_PER_TERM - 1) // BEATS_PER_TERM
    return SqsJobQueue(clients.sqs, url, f"{url}-dlq", max(1, min(poll, LONGEST_POLL)))


def _handler(
    told: RunnerSettings, clients: Clients, queue: SqsJobQueue, run_job: RunJob, shutdown: Shutdown
) -> HandleRequest:
    publisher = AwsPublisher(clients.sns, clients.sqs, told.topic_arn_prefix, told.queue_url_prefix)
    table = DynamoRecordStore(clients.dynamodb, told.table_name, JobRun, swept=False)
    return HandleRequest(
        queue=queue,
        records=lambda: RememberingRecords(table, publisher, SOURCE),
        publisher=publisher,
        run_job=run_job,
        stopped_because=FindStop(stop_marks(clients.dynamodb, told.table_name)),
        telemetry=SERVICE.telemetry,
        shutdown=shutdown,
        runner=f"{told.penstock_runner_name or node()}-{uuid4().hex[:8]}",
        term=timedelta(seconds=told.penstock_runner_lease_seconds),
    )


def _workshop(told: RunnerSettings, clients: Clients, folder: Path) -> FolderWorkshop:
    slots = told.penstock_runner_slots
    transfer = Transfer(Connections(_TRANSFER, slots, ca_bundle=told.aws_ca_bundle))
    bucket = Bucket(ObjectStore(clients.s3, told.artifact_bucket), transfer)
    shared = told.penstock_runner_workdir / "cache"
    cache = DownloadCache(shared, folder, told.penstock_runner_cache_bytes, bucket)
    interpreter = Interpreter.on(told.penstock_runner_path)
    limit = told.penstock_runner_output_bytes
    return FolderWorkshop(folder, cache, bucket, limit, interpreter)


def _log_opener(told: RunnerSettings, clients: Clients) -> OpenLog:
    def open_log(stream: str, command: str) -> ShippedLog:
        sink = CloudWatchStream(clients.logs, told.job_log_group, stream)
        return ShippedLog(sink, command, told.penstock_runner_log_bytes)

    return open_log
