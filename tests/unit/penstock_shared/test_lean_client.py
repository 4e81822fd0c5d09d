"""The short way to AWS, and the usual way when it does not lead there."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.serialize import create_serializer

from penstock_shared.aws import errors, signature
from penstock_shared.aws.lean_client import LeanClient
from penstock_shared.aws.origin import EnvironmentOrigin
from penstock_shared.aws.wire import Wire
from tests.support.servers import http_server

Answer = tuple[int, dict[str, Any]]
SHORT = "the short way"
OK: Answer = (200, {"Item": {"id": {"S": "1"}}})


@dataclass
class Cloud:
    """Answers as it is configured, and remembers what it was asked by whom."""

    address: str = ""
    answers: list[Answer] = field(default_factory=list)
    asked: list[tuple[dict[str, str], str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    @property
    def agents(self) -> list[str]:
        return [headers.get("user-agent", SHORT).partition("/")[0] for headers, _ in self.asked]

    def client(self, service: str) -> LeanClient:
        def usual() -> Any:
            return boto3.client(  # type: ignore[call-overload]  # the name is a variable
                service,
                endpoint_url=self.address,
                region_name="us-east-1",
                aws_access_key_id="key",
                aws_secret_access_key="secret",
            )

        return LeanClient(service, an_origin(AWS_ENDPOINT_URL=self.address), usual, Wire)


def an_origin(**more: str) -> EnvironmentOrigin:
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    return EnvironmentOrigin({**keys, "AWS_DEFAULT_REGION": "us-east-1", **more})


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    cloud = Cloud()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            cloud.paths.append(f"{self.command} {self.path}")
            cloud.asked.append(({k.lower(): v for k, v in self.headers.items()}, body))
            status, answer = cloud.answers.pop(0)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("x-amzn-RequestId", "1")
            self.end_headers()
            self.wfile.write(content)

        def do_DELETE(self) -> None:
            cloud.paths.append(f"{self.command} {self.path}")
            cloud.asked.append(({k.lower(): v for k, v in self.headers.items()}, ""))
            self.send_response(204)
            self.end_headers()

        do_GET = do_PUT = do_POST  # noqa: N815  # as BaseHTTPRequestHandler calls them

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http_server(Handler) as cloud.address:
        yield cloud


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
    assert cloud.agents == [SHORT]


def test_sns_is_spoken_to_in_its_own_protocol(cloud: Cloud) -> None:
    cloud.answers = [OK]
    attribute = {"DataType": "String", "StringValue": "job-finished"}

    cloud.client("sns").publish(
        TopicArn="arn:topic", Message="ünder", MessageAttributes={"type": attribute}
    )

    ((headers, body),) = cloud.asked
    form = {name: values[0] for name, values in parse_qs(body).items()}
    model = boto3.client("sns", "us-east-1").meta.service_model.operation_model("Publish")
    parameters = {
        "TopicArn": "arn:topic",
        "Message": "ünder",
        "MessageAttributes": {"type": attribute},
    }
    assert headers["content-type"].startswith("application/x-www-form-urlencoded")
    assert form == create_serializer("query").serialize_to_request(parameters, model)["body"]


def test_a_write_that_comes_too_late_is_known_at_once(cloud: Cloud) -> None:
    cloud.answers = [(400, {"__type": "x#ConditionalCheckFailedException", "message": "no"})]

    with pytest.raises(ClientError, match="PutItem operation: no") as caught:
        cloud.client("dynamodb").put_item(TableName="jobs", Item={"id": {"S": "1"}})

    assert errors.was_too_late(caught.value)
    assert cloud.agents == [SHORT]


def test_any_other_refusal_is_boto3_s_own_exception(cloud: Cloud) -> None:
    refusal = (400, {"__type": "x#ResourceNotFoundException", "message": "no"})
    cloud.answers = [refusal, refusal]
    client = cloud.client("dynamodb")

    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.put_item(TableName="jobs", Item={"id": {"S": "1"}})

    assert cloud.agents == [SHORT, "Boto3"]


def test_trouble_on_the_short_way_is_left_to_boto3_s_patience(cloud: Cloud) -> None:
    cloud.answers = [(500, {}), OK]

    found = cloud.client("dynamodb").get_item(TableName="jobs", Key={"id": {"S": "1"}})

    assert found["Item"] == {"id": {"S": "1"}}
    assert cloud.agents == [SHORT, "Boto3"]


def test_every_other_call_is_boto3_s(cloud: Cloud) -> None:
    cloud.answers = [(200, {"QueueUrls": ["a queue"]})]

    assert cloud.client("sqs").list_queues()["QueueUrls"] == ["a queue"]

    assert cloud.agents == ["Boto3"]


def test_an_object_goes_the_short_way_both_ways(cloud: Cloud) -> None:
    cloud.answers = [(200, {}), OK]
    client = cloud.client("s3")

    client.put_object(Bucket="artifacts", Key="plans/a b.json", Body=b"{}", ContentType="text/x")
    read = client.get_object(Bucket="artifacts", Key="plans/a b.json")["Body"].read()

    assert json.loads(read) == OK[1]
    assert cloud.paths == [
        "PUT /artifacts/plans/a%20b.json",
        "GET /artifacts/plans/a%20b.json",
    ]
    (put, body), _ = cloud.asked
    assert (put["content-type"], body) == ("text/x", "{}")
    assert put["x-amz-content-sha256"] == sha256(b"{}").hexdigest()
    assert cloud.agents == [SHORT, SHORT]


def test_a_function_is_invoked_the_short_way(cloud: Cloud) -> None:
    cloud.answers = [(200, {"plan": "x"})]

    answer = cloud.client("lambda").invoke(FunctionName="a-planner", Payload=b'{"flow_id": "1"}')

    assert json.loads(answer["Payload"].read()) == {"plan": "x"}
    assert cloud.agents == [SHORT]
    assert cloud.paths == ["POST /2015-03-31/functions/a-planner/invocations"]
    assert cloud.asked[0][1] == '{"flow_id": "1"}'


def test_an_object_is_deleted_the_short_way(cloud: Cloud) -> None:
    client = cloud.client("s3")

    client.delete_object(Bucket="artifacts", Key="records/a")
    client.delete_object(Bucket="artifacts", Key="records/b")

    assert cloud.paths == ["DELETE /artifacts/records/a", "DELETE /artifacts/records/b"]
    assert cloud.agents == [SHORT, SHORT]


def test_an_object_call_with_anything_special_is_boto3_s(cloud: Cloud) -> None:
    cloud.answers = [(200, {})]

    cloud.client("s3").get_object(Bucket="artifacts", Key="k", Range="bytes=0-1")

    assert cloud.agents == ["Boto3"]


def test_objects_of_aws_have_their_bucket_in_the_host_s_name() -> None:
    client = LeanClient("s3", an_origin(), pytest.fail, Wire)

    url = client.generate_presigned_url(
        "get_object", Params={"Bucket": "artifacts", "Key": "a b.json"}, ExpiresIn=60
    )

    assert url.startswith(
        "https://artifacts.s3.us-east-1.amazonaws.com/a%20b.json?X-Amz-Algorithm="
    )


@pytest.mark.parametrize(
    ("operation", "more"),
    [("put_object", {}), ("put_object", {"ChecksumSHA256": "abc="}), ("get_object", {})],
)
def test_a_presigned_address_is_boto3_s(
    operation: str, more: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = an_origin(AWS_SESSION_TOKEN="a token/", AWS_ENDPOINT_URL="http://localhost:1")
    usual = boto3.client(
        "s3",
        "us-east-1",
        endpoint_url="http://localhost:1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        aws_session_token="a token/",
        config=Config(signature_version="s3v4"),
    )
    place = {"Bucket": "artifacts", "Key": "ü/a b.json", **more}
    theirs = urlsplit(usual.generate_presigned_url(operation, Params=place, ExpiresIn=60))
    (moment,) = parse_qs(theirs.query)["X-Amz-Date"]
    monkeypatch.setattr(signature, "_now", lambda: moment)

    lean = LeanClient("s3", origin, pytest.fail, Wire)
    ours = urlsplit(lean.generate_presigned_url(operation, Params=place, ExpiresIn=60))

    assert ours[:3] == theirs[:3]
    assert parse_qs(ours.query) == parse_qs(theirs.query)


def test_an_endpoint_s_own_path_comes_before_all_others(cloud: Cloud) -> None:
    cloud.address += "/aws"
    cloud.answers = [OK, OK]

    cloud.client("dynamodb").get_item(TableName="jobs", Key={"id": {"S": "1"}})
    cloud.client("s3").get_object(Bucket="artifacts", Key="k")

    assert cloud.paths == ["POST /aws/", "GET /aws/artifacts/k"]
