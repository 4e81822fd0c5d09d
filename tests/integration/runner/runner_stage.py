"""The resources of a runner on an emulator: queues, a topic, a table, logs and a bucket."""

import io
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from penstock_shared.aws.origin import EnvironmentCredentials
from penstock_shared.aws.signature import Signer
from penstock_shared.clock import utc_now
from penstock_shared.contracts.change import Trust
from penstock_shared.contracts.event import Event, EventData, decode, encode, make_event
from penstock_shared.contracts.events import JobFinished, JobStarted
from penstock_shared.contracts.jobs import Checkout, Job, JobResult, Upload
from penstock_shared.contracts.plan import ObjectRef
from penstock_shared.identifiers import job_id_for
from penstock_shared.storage import ObjectStore
from penstock_shared.tracing import new_traceparent
from tests.support.builders import FLOW_ID, PROOFS, a_checkout
from tests.support.emulator import OwnEmulator
from tests.support.tables import create_record_table

ACCOUNT = "000000000000"
REGION = "us-east-1"
PATIENCE = 60.0

T = TypeVar("T")


def eventually(look: Callable[[], T | None], what: str, patience: float = PATIENCE) -> T:
    """The first answer that is not None or False. Fails with the text `what` on timeout."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        answer = look()
        if answer is not None and answer is not False:
            return answer
        time.sleep(0.02)
    raise AssertionError(f"not within {patience:g} s: {what}")


def tarball(files: Mapping[str, str]) -> bytes:
    """A source archive of these files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content.encode())
            archive.addfile(member, io.BytesIO(content.encode()))
    return buffer.getvalue()


@dataclass
class RunnerStage:
    """The resources of one Penstock stage, whose names no other test uses."""

    emulator: OwnEmulator
    name: str = field(default_factory=lambda: f"t{uuid4().hex[:8]}")
    _said: list[Event[EventData]] = field(default_factory=list)

    def client(self, service: str) -> Any:
        """A client of the emulator."""
        return self.emulator.client(service)

    @cached_property
    def sqs(self) -> Any:
        return self.client("sqs")

    @cached_property
    def dynamodb(self) -> Any:
        return self.client("dynamodb")

    @cached_property
    def logs(self) -> Any:
        return self.client("logs")

    @cached_property
    def objects(self) -> ObjectStore:
        return ObjectStore(self.client("s3"), f"{self.prefix}artifacts")

    @property
    def prefix(self) -> str:
        return f"penstock-{self.name}-"

    @property
    def table(self) -> str:
        return f"{self.prefix}jobs"

    @property
    def log_group(self) -> str:
        return f"/penstock/{self.name}/jobs"

    @property
    def settings(self) -> dict[str, str]:
        """The environment of a runner of this stage, without its folder."""
        return {
            **self.emulator.variables,
            "PENSTOCK_STAGE": self.name,
            "ARTIFACT_BUCKET": self.objects.bucket,
            "TABLE_NAME": self.table,
            "TOPIC_ARN_PREFIX": f"arn:aws:sns:{REGION}:{ACCOUNT}:{self.prefix}",
            "QUEUE_URL_PREFIX": f"{self.emulator.address}/{ACCOUNT}/{self.prefix}",
            "JOB_LOG_GROUP": self.log_group,
            "PENSTOCK_RUNNER_TRUST": "release",
        }

    def create(self) -> "RunnerStage":
        """Create everything; the queue `said` subscribes to `job-finished`."""
        jobs = [f"jobs-{trust}{suffix}" for trust in Trust for suffix in ("", "-dlq")]
        for queue in (*jobs, "runner", "runner-dlq", "said"):
            self.sqs.create_queue(QueueName=f"{self.prefix}{queue}")
        sns = self.client("sns")
        sns.subscribe(
            TopicArn=sns.create_topic(Name=f"{self.prefix}job-finished")["TopicArn"],
            Protocol="sqs",
            Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.prefix}said",
            Attributes={"RawMessageDelivery": "true"},
        )
        create_record_table(self.dynamodb, self.table)
        self.logs.create_log_group(logGroupName=self.log_group)
        self.objects.client.create_bucket(Bucket=self.objects.bucket)
        return self

    def queue(self, name: str) -> str:
        """The address of a queue."""
        return f"{self.settings['QUEUE_URL_PREFIX']}{name}"

    def source(self, files: Mapping[str, str]) -> Checkout:
        """A source snapshot in the bucket."""
        key, content = f"snapshots/{uuid4().hex}.tar.gz", tarball(files)
        self.objects.put(key, content, content_type="application/gzip")
        return a_checkout(snapshot=ObjectRef(key=key, sha256=sha256(content).hexdigest()))

    def upload(self, name: str, path: str, *, required: bool = True) -> Upload:
        """An output to store in the bucket."""
        key = f"outputs/{uuid4().hex}"
        return Upload(name=name, path=path, key=key, required=required)

    def job(self, run: str, **more: Any) -> Job:
        """A job of a random flow."""
        values = {
            "job_id": job_id_for(uuid4().hex, "build"),
            "trust": Trust.RELEASE,
            "owner": "build",
            "record": "somewhere",
            "name": "unit",
            "run": run,
            "source": more.pop("source", None) or self.source({"README": "a source"}),
            "timeout": 60,
        }
        return Job.model_validate(values | more)

    def request(self, job: Job, flow_id: str = FLOW_ID, hop: int = 1) -> Event[EventData]:
        """Request the job; returns the event."""
        now = utc_now()
        event: Event[EventData] = make_event(
            PROOFS.request(flow_id, job),
            flow_id=flow_id,
            source="penstock/build",
            time=now,
            traceparent=new_traceparent(flow_id, now),
            hop=hop,
        )
        self.send(encode(event), job.trust)
        return event

    def send(self, body: str, trust: Trust = Trust.RELEASE) -> None:
        """Send any text to the queue for jobs of a trust."""
        self.sqs.send_message(QueueUrl=self.queue(f"jobs-{trust}"), MessageBody=body)

    def receive(self, queue: str) -> list[dict[str, Any]]:
        """Receive and delete up to ten messages of a queue."""
        found = self.sqs.receive_message(
            QueueUrl=self.queue(queue), MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages", [])
        for message in found:
            self.sqs.delete_message(
                QueueUrl=self.queue(queue), ReceiptHandle=message["ReceiptHandle"]
            )
        return list(found)

    def result(self, job: Job, patience: float = PATIENCE) -> JobResult:
        """Wait for the result of this job."""
        return eventually(lambda: self.results().get(job.job_id), f"{job.run} ends", patience)

    def results(self) -> dict[str, JobResult]:
        """The results so far, by job id."""
        return {
            event.data.result.job_id: event.data.result
            for event in self.said()
            if isinstance(event.data, JobFinished)
        }

    def starts(self) -> list[JobStarted]:
        """The announced starts of jobs so far."""
        return [event.data for event in self.said() if isinstance(event.data, JobStarted)]

    def said(self) -> list[Event[EventData]]:
        """All events on `job-finished` so far, in the order of their arrival."""
        self._said.extend(decode(message["Body"]) for message in self.receive("said"))
        return self._said

    def lines(self, stream: str) -> list[str]:
        """The lines of a log stream so far; empty without such a stream."""
        found: list[str] = []
        page: dict[str, Any] = {}
        try:
            while not page or page["events"]:
                page = self._page(stream, page.get("nextForwardToken"))
                found += [event["message"] for event in page["events"]]
        except self.logs.exceptions.ResourceNotFoundException:
            return []
        return found

    def _page(self, stream: str, token: str | None) -> dict[str, Any]:
        following = {"nextToken": token} if token else {}
        page: dict[str, Any] = self.logs.get_log_events(
            logGroupName=self.log_group, logStreamName=stream, startFromHead=True, **following
        )
        return page

    def waiting(self) -> tuple[int, int]:
        """The number of messages in the jobs queue: visible and hidden."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(
            QueueUrl=self.queue("jobs-release"), AttributeNames=names
        )
        visible, hidden = (int(found["Attributes"][name]) for name in names)
        return visible, hidden


@dataclass
class Runner:
    """A runner process. `settings` override those of its stage."""

    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(
        cls, stage: RunnerStage, folder: Path, *, prefix: Sequence[str] = (), **settings: str
    ) -> "Runner":
        """Start a runner with its log in `folder`. `prefix` is a command that runs commands."""
        environment = {
            "PATH": os.defpath,
            "HOME": str(folder),
            "PENSTOCK_RUNNER_WORKDIR": str(folder / "work"),
            **stage.settings,
            **settings,
        }
        log = folder / f"runner-{uuid4().hex[:6]}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*prefix, sys.executable, "-m", "penstock_runner"],
                env=environment,
                stdout=output,
                stderr=output,
                cwd=folder,
            )
        return cls(process, log)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the runner's process only."""
        self.process.send_signal(number)

    def freeze(self) -> None:
        """Freeze the runner's process only, and return once none of its threads runs.

        A signal is only asked for when its call returns: meanwhile a thread may see a job end.
        """
        self.signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)

    def thaw(self) -> None:
        """Let a frozen runner run on."""
        self.signal(signal.SIGCONT)

    def stop(self) -> int:
        """Send SIGTERM and wait; returns the exit code."""
        self.process.terminate()
        return self.process.wait(timeout=PATIENCE)

    def kill(self) -> None:
        """Send SIGKILL and wait."""
        self.process.kill()
        self.process.wait()


@dataclass
class CallCounter:
    """A proxy between a runner and the emulator that records every call to AWS.

    It signs each call anew, since a signature covers the address. The only GET of a runner is one
    of S3, by a presigned address.
    """

    emulator: OwnEmulator
    calls: list[str] = field(default_factory=list)

    def __enter__(self) -> "CallCounter":
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def host(self) -> str:
        return urlsplit(self.emulator.address).netloc

    def signer(self, service: str) -> Signer:
        keys = self.emulator.variables
        return Signer(
            EnvironmentCredentials(keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"], None),
            service,
            REGION,
        )

    @property
    def own_address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        counter = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                target = self.headers.get("X-Amz-Target")
                kept = {"content-type": self.headers["Content-Type"], "host": counter.host}
                headers = kept | ({"x-amz-target": target} if target else {})
                service = self.headers["Authorization"].split("/")[3]
                signed = counter.signer(service).sign("POST", self.path, headers, body)
                self._pass_on(_name_of(target, body), self.path, body, signed)

            def do_GET(self) -> None:
                path = urlsplit(self.path).path
                query = counter.signer("s3").presign("GET", counter.host, path, 60)
                self._pass_on("GetObject", f"{path}?{query}", b"", {})

            def _pass_on(self, name: str, path: str, body: bytes, headers: dict[str, str]) -> None:
                counter.calls.append(name)
                answer = HTTPConnection(counter.host)
                answer.request(self.command, path, body, headers)
                response = answer.getresponse()
                content = response.read()
                answer.close()
                self.send_response(response.status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


def _name_of(target: str | None, body: bytes) -> str:
    return target.rpartition(".")[2] if target else parse_qs(body.decode())["Action"][0]
