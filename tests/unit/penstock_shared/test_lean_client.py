"""The short way to AWS, and the usual way when it does not lead there."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import boto3
import pytest
import urllib3
from botocore.credentials import Credentials

from penstock_shared.lean_client import LeanClient

Answer = tuple[int, dict[str, Any]]
OK: Answer = (200, {"Item": {"id": {"S": "1"}}})


@dataclass
class Cloud:
    """Answers as it is told to, and remembers what it was asked by whom."""

    address: str = ""
    answers: list[Answer] = field(default_factory=list)
    asked: list[tuple[dict[str, str], str]] = field(default_factory=list)

    @property
    def agents(self) -> list[str]:
        return [headers["user-agent"].partition("/")[0] for headers, _ in self.asked]

    def client(self, service: str) -> LeanClient:
        usual = boto3.client(  # type: ignore[call-overload]  # the name is a variable
            service,
            endpoint_url=self.address,
            region_name="us-east-1",
            aws_access_key_id="key",
            aws_secret_access_key="secret",
        )
        return LeanClient(usual, Credentials("key", "secret"), urllib3.PoolManager(retries=False))


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    cloud = Cloud()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            cloud.asked.append(({k.lower(): v for k, v in self.headers.items()}, body))
            status, answer = cloud.answers.pop(0)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("x-amzn-RequestId", "1")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    cloud.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield cloud
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_hot_call_is_signed_and_goes_the_short_way(cloud: Cloud) -> None:
    cloud.answers = [OK]
    key = {"id": {"S": "1"}}

    found = cloud.client("dynamodb").get_item(TableName="jobs", Key=key, ConsistentRead=True)

    assert found["Item"] == key
    ((headers, body),) = cloud.asked
    assert headers["x-amz-target"] == "DynamoDB_20120810.GetItem"
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=key/")
    assert "/us-east-1/dynamodb/aws4_request" in headers["authorization"]
    assert json.loads(body) == {"TableName": "jobs", "Key": key, "ConsistentRead": True}
    assert cloud.agents == ["python-urllib3"]


def test_sns_is_spoken_to_in_its_own_protocol(cloud: Cloud) -> None:
    cloud.answers = [OK]
    attribute = {"DataType": "String", "StringValue": "job-finished"}

    cloud.client("sns").publish(
        TopicArn="arn:topic", Message="ünder", MessageAttributes={"type": attribute}
    )

    ((headers, body),) = cloud.asked
    form = {name: values[0] for name, values in parse_qs(body).items()}
    assert headers["content-type"].startswith("application/x-www-form-urlencoded")
    assert (form["Action"], form["TopicArn"], form["Message"]) == ("Publish", "arn:topic", "ünder")
    assert form["MessageAttributes.entry.1.Name"] == "type"
    assert form["MessageAttributes.entry.1.Value.StringValue"] == "job-finished"


def test_a_refusal_is_boto3_s_own_exception(cloud: Cloud) -> None:
    refusal = (400, {"__type": "x#ConditionalCheckFailedException", "message": "no"})
    cloud.answers = [refusal, refusal]
    client = cloud.client("dynamodb")

    with pytest.raises(client.exceptions.ConditionalCheckFailedException):
        client.put_item(TableName="jobs", Item={"id": {"S": "1"}})

    assert cloud.agents == ["python-urllib3", "Boto3"]


def test_trouble_on_the_short_way_is_left_to_boto3_s_patience(cloud: Cloud) -> None:
    cloud.answers = [(500, {}), OK]

    found = cloud.client("dynamodb").get_item(TableName="jobs", Key={"id": {"S": "1"}})

    assert found["Item"] == {"id": {"S": "1"}}
    assert cloud.agents == ["python-urllib3", "Boto3"]


def test_every_other_call_is_boto3_s(cloud: Cloud) -> None:
    cloud.answers = [(200, {"QueueUrls": ["a queue"]})]

    assert cloud.client("sqs").list_queues()["QueueUrls"] == ["a queue"]

    assert cloud.agents == ["Boto3"]
