"""The deployer's own handlers on an emulator's tables, topics and queues."""

import json
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Any

import pytest

from deployer_service import bootstrap
from deployer_service.handlers import steps, sweep, worker
from penstock_shared import aws
from penstock_shared.contracts.event import Event, EventData, decode, encode, make_event
from penstock_shared.contracts.events import FlowRef, JobFinished, JobRequested
from penstock_shared.contracts.jobs import JobState
from penstock_shared.contracts.plan import EnvironmentMode, PlannedComponent
from penstock_shared.identifiers import flow_id_for
from penstock_shared.plans import plan_reference, store_plan
from penstock_shared.testing.fakes import forget
from penstock_shared.tracing import new_traceparent
from tests.integration.deployer.cloud import ROLE_ARN, Cloud
from tests.support.builders import (
    BEFORE,
    NOW,
    a_flow_ref,
    a_plan,
    a_release,
    a_result,
    an_environment,
)
from tests.support.tables import create_record_table

TOPICS = ("deploy-done", "flow-stopped")
QUEUES = (
    "jobs-release",
    "deployer",
    "deployer-dlq",
    "deployer-steps",
    "deployer-steps-dlq",
    "ears",
)
HANDLERS = {"deployer": worker.handler, "deployer-steps": steps.handler}


def forget_everything() -> None:
    """Handlers keep what they made; the next test has other tables."""
    forget(bootstrap.SERVICE)
    for module in (bootstrap, aws):
        for thing in vars(module).values():
            if hasattr(thing, "cache_clear"):
                thing.cache_clear()


@dataclass
class Service:
    """The deployer, and the ends of its topics and queues."""

    cloud: Cloud
    calls: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        create_record_table(self.client("dynamodb"), self.cloud.name)
        self.client("secretsmanager").create_secret(
            Name=f"{self.prefix}job-proofs", SecretString="of the tests"
        )
        for name in QUEUES:
            self.client("sqs").create_queue(QueueName=f"{self.prefix}{name}")
        for name in TOPICS:
            topic = self.client("sns").create_topic(Name=f"{self.prefix}{name}")["TopicArn"]
            self.client("sns").subscribe(
                TopicArn=topic,
                Protocol="sqs",
                Endpoint=f"arn:aws:sqs:us-east-1:000000000000:{self.prefix}ears",
                Attributes={"RawMessageDelivery": "true"},
            )

    @cached_property
    def prefix(self) -> str:
        return f"{self.cloud.name}-"

    def client(self, name: str) -> Any:
        return self.cloud.emulator.client(name)

    def start(self, environment: pytest.MonkeyPatch) -> None:
        """Tell the handlers where everything is, and count what they ask of AWS."""
        told = {
            **self.cloud.emulator.variables,
            "PENSTOCK_STAGE": "test",
            "TABLE_NAME": self.cloud.name,
            "ARTIFACT_BUCKET": self.cloud.objects.bucket,
            "TOPIC_ARN_PREFIX": f"arn:aws:sns:us-east-1:000000000000:{self.prefix}",
            "QUEUE_URL_PREFIX": f"{self.cloud.emulator.address}/000000000000/{self.prefix}",
            "COMPONENT_ROLE_ARN": ROLE_ARN,
            "JOB_PROOF_SECRET_ID": f"{self.prefix}job-proofs",
        }
        for name, value in told.items():
            environment.setenv(name, value)
        forget_everything()
        # Counting stands inside boto3, which lean clients go around.
        environment.setattr(aws, "_LEAN", frozenset())
        aws._session().events.register("before-send.*.*", self._count)

    def _count(self, event_name: str, **_: Any) -> None:
        service, operation = event_name.split(".")[1:3]
        if service == "secrets-manager":
            return  # once for each cold start, whatever comes then
        self.calls[f"{service}.{operation}"] += 1

    # What arrives

    def flow(
        self,
        word: str,
        *components: PlannedComponent,
        mode: EnvironmentMode = EnvironmentMode.SUPERSEDE,
    ) -> tuple[str, FlowRef]:
        """A flow whose plan lies in the bucket."""
        sha = sha256(word.encode()).hexdigest()[:40]
        flow_id = flow_id_for("github", "acme/shop", "refs/heads/main", BEFORE, sha)
        release = a_release(
            staging=an_environment("staging", mode=mode),
            production=an_environment("production", mode=mode),
        )
        plan = a_plan(flow_id, components=components, release=release)
        store_plan(self.cloud.objects, plan)
        return flow_id, a_flow_ref(sha=sha, plan=plan_reference(plan))

    def receive(self, flow_id: str, data: EventData, queue: str = "deployer", hop: int = 1) -> None:
        """One message for one of the deployer's queues."""
        event = make_event(
            data,
            flow_id=flow_id,
            source="penstock/test",
            time=NOW,
            traceparent=new_traceparent(flow_id, NOW),
            hop=hop,
        )
        assert self.handle(encode(event), queue) == []

    def handle(self, body: str, queue: str = "deployer", time: int = 1) -> list[Any]:
        """An SQS batch of one record, received for the first or a later time; returns the
        failures.
        """
        record = {
            "messageId": "1",
            "receiptHandle": "r",
            "body": body,
            "attributes": {"ApproximateReceiveCount": str(time)},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:us-east-1:000000000000:{self.prefix}{queue}",
            "awsRegion": "us-east-1",
        }
        return list(HANDLERS[queue]({"Records": [record]}, None)["batchItemFailures"])

    def sweep(self) -> int:
        return int(sweep.handler({}, None)["looked_at"])

    # What goes out

    def read(self, queue: str) -> list[Event[EventData]]:
        """Everything that lies in a queue."""
        url = f"{self.cloud.emulator.address}/000000000000/{self.prefix}{queue}"
        found: list[Event[EventData]] = []
        while (
            messages := self.client("sqs")
            .receive_message(QueueUrl=url, MaxNumberOfMessages=10)
            .get("Messages")
        ):
            for message in messages:
                self.client("sqs").delete_message(
                    QueueUrl=url, ReceiptHandle=message["ReceiptHandle"]
                )
                found.append(decode(message["Body"]))
        return found

    def said(self) -> list[EventData]:
        """What the world has heard since it was last asked."""
        return [event.data for event in self.read("ears")]

    def run_to_the_end(self, failing: str = "") -> None:
        """Everything happens until nothing more does; the deploy command of `failing` fails."""
        self.run_own()
        while self.run_jobs(failing):
            self.run_own()

    def run_jobs(self, failing: str = "") -> int:
        """Runners finish every job that was asked for; returns how many those were."""
        ended = self.finish_jobs(failing)
        for event in ended:
            assert self.handle(encode(event)) == []
        return len(ended)

    def finish_jobs(self, failing: str = "") -> list[Event[JobFinished]]:
        """Runners finish every job that was asked for; returns what they say, undelivered."""
        return [_finished(event, failing) for event in self.read("jobs-release")]

    def run_own(self) -> None:
        """Deliver what the deployer has sent to itself, until there is nothing left."""
        while messages := [(queue, event) for queue in HANDLERS for event in self.read(queue)]:
            for queue, event in messages:
                assert self.handle(encode(event), queue) == []

    def dead_letters(self, queue: str = "deployer") -> list[str]:
        """Why messages were refused."""
        url = f"{self.cloud.emulator.address}/000000000000/{self.prefix}{queue}-dlq"
        found = self.client("sqs").receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        return [
            str(message["MessageAttributes"]["reason"]["StringValue"])
            for message in found.get("Messages", [])
        ]

    def ask(self, stage: str) -> str:
        """What the live function says in an environment."""
        answer = self.client("lambda").invoke(FunctionName=f"{self.cloud.name}-{stage}:live")
        return str(json.loads(answer["Payload"].read())["says"])


def _finished(event: Event[EventData], failing: str) -> Event[JobFinished]:
    assert isinstance(event.data, JobRequested)
    job = event.data.job
    fails = (job.component, job.name) == (failing, "deploy")
    result = a_result(
        job.job_id,
        trust=job.trust,
        owner=job.owner,
        record=job.record,
        name=job.name,
        component=job.component,
        state=JobState.FAILED if fails else JobState.SUCCEEDED,
    )
    return make_event(
        JobFinished(result=result, proof=event.data.proof),
        flow_id=event.subject,
        source="penstock/test",
        time=NOW,
        traceparent=event.traceparent,
        hop=event.hop,
    )
