"""The function behind the queue, with its settings and clients, on moto."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from monitor_service import bootstrap
from monitor_service.domain.errors import NoSuchJobError
from monitor_service.handlers import project
from monitor_service.use_cases.list_flows import FlowFilter
from penstock_shared import aws
from penstock_shared.contracts.event import encode
from penstock_shared.errors import ConfigurationError
from penstock_shared.testing.fakes import forget
from tests.support.builders import FLOW_ID
from tests.unit.monitor_service.stories import PROOF_SECRET, Story, to_staging
from tests.unit.monitor_service.test_adapters import TABLE, index, key

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "PENSTOCK_STAGE": "test",
    "TABLE_NAME": TABLE,
    "ARTIFACT_BUCKET": "penstock-test-artifacts",
    "TOPIC_ARN_PREFIX": "arn:aws:sns:us-east-1:123456789012:penstock-test-",
    "QUEUE_URL_PREFIX": "https://sqs.us-east-1.amazonaws.com/123456789012/penstock-test-",
    "JOB_LOG_GROUP": "/penstock/test/jobs",
    "JOB_PROOF_SECRET_ID": "penstock/test/job-proofs",
}
CACHED = (
    bootstrap.record_event, bootstrap.record_request, bootstrap.list_flows, bootstrap.show_flow,
    bootstrap.read_log, bootstrap._facts, aws._session, aws._origin, aws.client,
)  # fmt: skip


def forget_everything() -> None:
    forget(bootstrap.SERVICE)
    for function in CACHED:
        function.cache_clear()


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The service as it starts on AWS."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    # The mock stands inside boto3, which lean clients go around.
    monkeypatch.setattr(aws, "_LEAN", frozenset())
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    forget_everything()
    with mock_aws():
        for queue in ("monitor", "monitor-dlq"):
            boto3.client("sqs").create_queue(QueueName=f"penstock-test-{queue}")
        boto3.client("secretsmanager").create_secret(
            Name=ENVIRONMENT["JOB_PROOF_SECRET_ID"], SecretString=PROOF_SECRET
        )
        names = ("flow_id", "part", "listed", "repository", "started_at")
        boto3.client("dynamodb").create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
            KeySchema=[key("flow_id", "HASH"), key("part", "RANGE")],
            GlobalSecondaryIndexes=[
                index("by-time", "listed"),
                index("by-repository", "repository"),
            ],
        )
        yield
    forget_everything()


def deliver(*bodies: str) -> Any:
    records = [
        {
            "messageId": str(number),
            "receiptHandle": str(number),
            "body": body,
            "attributes": {"ApproximateReceiveCount": "1"},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
        }
        for number, body in enumerate(bodies)
    ]
    return project.handler({"Records": records}, None)


def asked_by_hand(message: str) -> str:
    topic = f"{ENVIRONMENT['TOPIC_ARN_PREFIX']}abort-release"
    return json.dumps({"Type": "Notification", "TopicArn": topic, "Message": message})


@pytest.mark.usefixtures("service")
def test_events_and_requests_become_one_flow() -> None:
    bodies = [encode(event) for event in to_staging().events]
    request = asked_by_hand(json.dumps({"flow_id": FLOW_ID, "by": "grace"}))
    assert deliver(*bodies, request, *bodies) == {"batchItemFailures": []}
    view = bootstrap.show_flow()(FLOW_ID)
    assert (view.state, view.abort_requests[0].by) == ("baking", "grace")


@pytest.mark.usefixtures("service")
def test_what_cannot_be_read_goes_to_the_dead_letters_and_blocks_nobody() -> None:
    good = encode(Story().requested().events[0])
    assert deliver("not JSON", good, asked_by_hand("stop it all")) == {"batchItemFailures": []}
    assert bootstrap.show_flow()(FLOW_ID).state == "running"
    dead = boto3.client("sqs").receive_message(
        QueueUrl=f"{ENVIRONMENT['QUEUE_URL_PREFIX']}monitor-dlq",
        MaxNumberOfMessages=10,
        MessageAttributeNames=["reason"],
    )["Messages"]
    reasons = sorted(one["MessageAttributes"]["reason"]["StringValue"] for one in dead)
    assert reasons[0].startswith('expected {"flow_id"')
    assert reasons[1].startswith("not JSON")


@pytest.mark.usefixtures("service")
def test_a_table_that_fails_sends_the_message_back() -> None:
    boto3.client("dynamodb").delete_table(TableName=TABLE)
    body = encode(Story().requested().events[0])
    assert deliver(body) == {"batchItemFailures": [{"itemIdentifier": "0"}]}


@pytest.mark.usefixtures("service")
def test_every_reader_can_be_made() -> None:
    assert bootstrap.list_flows()(FlowFilter()).flows == []
    with pytest.raises(NoSuchJobError):
        bootstrap.read_log()(FLOW_ID, "1" * 20)


def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TABLE_NAME", raising=False)
    forget(bootstrap.SERVICE)
    with pytest.raises(ConfigurationError, match="TABLE_NAME"):
        print(bootstrap.SERVICE.settings)
