"""Events out, and a batch in: a bad record never blocks its neighbours, and nothing is lost."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from moto import mock_aws

from penstock_shared.contracts.commands import AbortRelease
from penstock_shared.contracts.event import (
    MAX_ROUNDS,
    Event,
    EventData,
    decode,
    encode,
    make_event,
)
from penstock_shared.contracts.events import (
    BakeStarted,
    FlowFailed,
    JobFinished,
    Phase,
)
from penstock_shared.contracts.jobs import Job
from penstock_shared.decisions import Cause, Outcome
from penstock_shared.messaging.consumer import Consumer
from penstock_shared.messaging.giving_up import FailFlow
from penstock_shared.messaging.publisher import AwsPublisher
from penstock_shared.messaging.routes import Routes, Together
from penstock_shared.observability import Telemetry
from tests.support.builders import FLOW_ID, NOW, PROOFS, a_cause, a_checkout, a_result


@dataclass
class Wires:
    """A stage's topics and queues, as far as these tests need them."""

    sns: Any
    sqs: Any
    prefix: str = "penstock-test-"

    def __post_init__(self) -> None:
        self.urls = {
            name: self.sqs.create_queue(QueueName=f"{self.prefix}{name}")["QueueUrl"]
            for name in ("build", "build-dlq", "jobs-check")
        }
        self.topics = {
            name: self.sns.create_topic(Name=f"{self.prefix}{name}")["TopicArn"]
            for name in ("flow-stopped", "job-finished", "abort-release", "promote-release")
        }

    @property
    def queue_url_prefix(self) -> str:
        return str(self.urls["build"].removesuffix("build"))

    @property
    def topic_arn_prefix(self) -> str:
        return str(self.topics["flow-stopped"].removesuffix("flow-stopped"))

    def subscribe(self, topic: str, filter_policy: dict[str, list[str]], *, raw: bool) -> None:
        self.sns.subscribe(
            TopicArn=self.topics[topic],
            Protocol="sqs",
            Endpoint=f"arn:aws:sqs:us-east-1:123456789012:{self.prefix}build",
            Attributes={
                "RawMessageDelivery": str(raw).lower(),
                **({"FilterPolicy": json.dumps(filter_policy)} if filter_policy else {}),
            },
        )

    def listen(self, topic: str) -> None:
        """Have a queue, `ear`, hear everything that is said on a topic."""
        self.urls["ear"] = self.sqs.create_queue(QueueName=f"{self.prefix}ear")["QueueUrl"]
        self.sns.subscribe(
            TopicArn=self.topics[topic],
            Protocol="sqs",
            Endpoint=f"arn:aws:sqs:us-east-1:123456789012:{self.prefix}ear",
            Attributes={"RawMessageDelivery": "true"},
        )

    def receive(self, queue: str) -> list[dict[str, Any]]:
        found = self.sqs.receive_message(
            QueueUrl=self.urls[queue], MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        return list(found.get("Messages", []))


@pytest.fixture
def wires(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wires]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        region = "us-east-1"
        yield Wires(
            boto3.client("sns", region_name=region), boto3.client("sqs", region_name=region)
        )


def wrap(data: EventData) -> Event[EventData]:
    return make_event(
        data,
        flow_id=FLOW_ID,
        source="penstock/test",
        time=NOW,
        traceparent=a_cause().traceparent,
        hop=1,
    )


def a_job(number: int) -> Job:
    return Job(
        job_id=f"{number:020x}",
        owner="build",
        record=FLOW_ID,
        name="build",
        run="true",
        source=a_checkout(),
        timeout=60,
    )


def publisher(wires: Wires) -> AwsPublisher:
    return AwsPublisher(wires.sns, wires.sqs, wires.topic_arn_prefix, wires.queue_url_prefix)


def test_an_owner_hears_of_its_own_jobs_only(wires: Wires) -> None:
    wires.subscribe("job-finished", {"type": ["job-finished"], "owner": ["build"]}, raw=True)

    publisher(wires).publish(
        [
            wrap(JobFinished(result=a_result("1" * 20, owner="build"))),
            wrap(JobFinished(result=a_result("2" * 20, owner="deployer"))),
        ]
    )

    heard = wires.receive("build")
    assert [json.loads(message["Body"])["data"]["result"]["owner"] for message in heard] == [
        "build"
    ]


def test_many_jobs_reach_the_queue_in_a_few_calls(wires: Wires) -> None:
    publisher(wires).publish([wrap(PROOFS.request(FLOW_ID, a_job(number))) for number in range(25)])

    received: set[str] = set()
    while messages := wires.receive("jobs-check"):
        received |= {json.loads(message["Body"])["data"]["job"]["job_id"] for message in messages}
    assert len(received) == 25


@dataclass
class Service:
    """A consumer that remembers what it handled and fails on what it is told to."""

    wires: Wires
    fails_on: str = ""
    ends_flows: bool = True

    def __post_init__(self) -> None:
        self.handled: list[str] = []
        self.commands: list[tuple[AbortRelease, Cause]] = []
        self.recorded: list[list[str]] = []

    def handle(self, event: Event[EventData], _cause: Cause) -> Outcome[Any] | None:
        name = event.data.reason if isinstance(event.data, FlowFailed) else event.type
        if name == self.fails_on:
            raise ConnectionError("the table throttles")
        self.handled.append(name)
        return None

    def obey(self, command: AbortRelease, cause: Cause) -> Outcome[Any] | None:
        self.commands.append((command, cause))
        return None

    def record(self, events: Sequence[Event[JobFinished]], _cause: Cause) -> Outcome[Any] | None:
        names = [event.data.result.job_id for event in events]
        if self.fails_on in names:
            raise ConnectionError("the table throttles")
        self.recorded.append(names)
        return None

    def deliver(self, *bodies: str, time: int = 1) -> list[str]:
        """Deliver a batch, for the first or a later time; returns the bodies that come back."""
        for body in bodies:
            self.wires.sqs.send_message(QueueUrl=self.wires.urls["build"], MessageBody=body)
        return self.deliver_waiting(time)

    def deliver_waiting(self, time: int = 1) -> list[str]:
        messages = self.wires.receive("build")
        routes: Routes = {
            EventData: lambda: self.handle,
            AbortRelease: lambda: self.obey,
            JobFinished: Together(lambda: self.record, lambda done: str(done.result.record)),
        }
        consumer = Consumer(
            self.wires.sqs,
            self.wires.urls["build"],
            self.wires.urls["build-dlq"],
            Telemetry("test"),
            routes,
            FailFlow(publisher(self.wires), "test", Phase.BUILD) if self.ends_flows else None,
        )
        answer = consumer({"Records": [_record(message, time) for message in messages]}, None)
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        return [message["Body"] for message in messages if message["MessageId"] in failed]


def _record(message: dict[str, Any], time: int) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": {"ApproximateReceiveCount": str(time)},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
    }


@pytest.fixture
def ends(wires: Wires) -> Callable[[], list[FlowFailed]]:
    """What was said on `flow-stopped` since the last time somebody asked."""
    wires.listen("flow-stopped")

    def heard() -> list[FlowFailed]:
        data = [decode(message["Body"]).data for message in wires.receive("ear")]
        return [one for one in data if isinstance(one, FlowFailed)]

    return heard


def a_bake(hop: int = 1) -> str:
    event = wrap(BakeStarted(version="1", deadline=NOW))
    return encode(event.model_copy(update={"hop": hop}))


def dead(wires: Wires) -> list[tuple[str, str]]:
    """The bodies in the dead-letter queue, each with its reason."""
    return [
        (message["Body"], message["MessageAttributes"]["reason"]["StringValue"])
        for message in wires.receive("build-dlq")
    ]


def test_a_record_that_fails_its_fifth_try_ends_its_flow_with_what_failed_and_where(
    wires: Wires, ends: Callable[[], list[FlowFailed]]
) -> None:
    service = Service(wires, fails_on="bake-started")

    assert service.deliver(a_bake(), time=4) == [a_bake()]
    wires.sqs.purge_queue(QueueUrl=wires.urls["build"])
    assert ends() == []
    assert service.deliver(a_bake(), time=5) == []

    (failed,) = ends()
    assert failed.phase is Phase.BUILD
    assert failed.reason.startswith(
        "test gave up: ConnectionError: the table throttles (test_messaging.py:"
    )
    assert [body for body, _ in dead(wires)] == [a_bake()]


def test_a_record_whose_tries_all_ended_without_a_word_ends_its_flow_untried(
    wires: Wires, ends: Callable[[], list[FlowFailed]]
) -> None:
    service = Service(wires)

    assert service.deliver(a_bake(), time=6) == []

    assert service.handled == []
    assert [failed.reason for failed in ends()] == ["test gave up: 5 tries ended without a word"]
    assert dead(wires) == [(a_bake(), "5 tries ended without a word")]


def test_an_event_of_a_version_that_nobody_reads_ends_its_flow_at_once(
    wires: Wires, ends: Callable[[], list[FlowFailed]]
) -> None:
    Service(wires).deliver(a_bake().replace('"dataversion":', '"dataversion":9'))

    (failed,) = ends()
    assert "of bake-started is not accepted" in failed.reason


def test_a_flow_that_goes_in_circles_ends_with_that_reason(
    wires: Wires, ends: Callable[[], list[FlowFailed]]
) -> None:
    service = Service(wires)

    service.deliver(a_bake(hop=MAX_ROUNDS), a_bake(hop=MAX_ROUNDS + 1))

    assert service.handled == ["bake-started"]
    (failed,) = ends()
    assert "round 17 of its flow, the limit is 16" in failed.reason


@pytest.mark.parametrize("body", ["a failure", "a job's answer to nobody"])
def test_nothing_ends_that_has_ended_or_that_names_no_flow(
    wires: Wires, ends: Callable[[], list[FlowFailed]], body: str
) -> None:
    text = a_failure("x") if body == "a failure" else body

    assert Service(wires).deliver(text, time=6) == []

    assert ends() == []
    assert len(dead(wires)) == 1


def test_an_event_that_only_a_watcher_cannot_handle_ends_no_flow(
    wires: Wires, ends: Callable[[], list[FlowFailed]]
) -> None:
    Service(wires, ends_flows=False).deliver(a_bake(), time=6)

    assert ends() == []
    assert len(dead(wires)) == 1


def test_a_record_comes_back_while_its_flow_cannot_be_told(wires: Wires) -> None:
    wires.sns.delete_topic(TopicArn=wires.topics["flow-stopped"])

    assert Service(wires).deliver(a_bake(), time=6) == [a_bake()]

    assert dead(wires) == []


def a_failure(reason: str) -> str:
    return encode(wrap(FlowFailed(reason=reason)))


def test_a_malformed_body_among_nine_good_ones_blocks_none_of_them(wires: Wires) -> None:
    service = Service(wires)

    came_back = service.deliver(*(a_failure(str(n)) for n in range(9)), '{"type": "nonsense"')

    assert sorted(service.handled) == [str(n) for n in range(9)]
    assert came_back == []
    dead = wires.receive("build-dlq")
    assert [message["Body"] for message in dead] == ['{"type": "nonsense"']
    assert "not JSON" in dead[0]["MessageAttributes"]["reason"]["StringValue"]


def test_a_record_that_fails_comes_back_alone(wires: Wires) -> None:
    service = Service(wires, fails_on="two")

    came_back = service.deliver(a_failure("one"), a_failure("two"), a_failure("three"))

    assert sorted(service.handled) == ["one", "three"]
    assert came_back == [a_failure("two")]
    assert wires.receive("build-dlq") == []


def test_a_batch_in_which_everything_fails_is_an_answer_and_no_crash(wires: Wires) -> None:
    service = Service(wires, fails_on="x")

    assert service.deliver(a_failure("x")) == [a_failure("x")]


def test_a_person_s_message_is_told_by_its_topic(wires: Wires) -> None:
    wires.subscribe("abort-release", {}, raw=False)
    service = Service(wires)
    wires.sns.publish(
        TopicArn=wires.topics["abort-release"], Message=json.dumps({"flow_id": FLOW_ID})
    )

    assert service.deliver_waiting() == []
    ((command, cause),) = service.commands
    assert command == AbortRelease(flow_id=FLOW_ID)
    assert cause.flow_id == FLOW_ID


def finished(job_id: str, record: str) -> str:
    return encode(wrap(JobFinished(result=a_result(job_id, record=record))))


def test_results_for_one_record_are_recorded_together(wires: Wires) -> None:
    service = Service(wires)

    service.deliver(finished("1" * 20, "a"), finished("2" * 20, "b"), finished("3" * 20, "a"))

    assert sorted(map(sorted, service.recorded)) == [["1" * 20, "3" * 20], ["2" * 20]]


def test_a_result_that_fails_among_others_of_its_record_fails_alone(wires: Wires) -> None:
    service = Service(wires, fails_on="2" * 20)

    came_back = service.deliver(*(finished(f"{n}" * 20, "a") for n in (1, 2, 3)))

    assert sorted(service.recorded) == [["1" * 20], ["3" * 20]]
    assert came_back == [finished("2" * 20, "a")]


def test_what_a_queue_has_no_route_for_is_refused_by_name(wires: Wires) -> None:
    wires.subscribe("promote-release", {}, raw=False)
    wires.sns.publish(
        TopicArn=wires.topics["promote-release"], Message=json.dumps({"flow_id": FLOW_ID})
    )

    Service(wires).deliver_waiting()

    ((_, reason),) = dead(wires)
    assert reason == "this queue is not for promote-release"


@pytest.mark.parametrize("text", ["stop!", "{}", '{"flow_id": "all of them"}', '{"flow": "x"}'])
def test_a_person_s_message_that_names_no_flow_is_refused_with_what_was_expected(
    wires: Wires, text: str
) -> None:
    wires.subscribe("abort-release", {}, raw=False)
    service = Service(wires)
    wires.sns.publish(TopicArn=wires.topics["abort-release"], Message=text)

    service.deliver_waiting()

    reason = wires.receive("build-dlq")[0]["MessageAttributes"]["reason"]["StringValue"]
    assert 'expected {"flow_id"' in reason
    assert service.commands == []


def test_an_empty_event_is_no_error(wires: Wires) -> None:
    assert Service(wires).deliver_waiting() == []
