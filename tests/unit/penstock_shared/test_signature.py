"""Our signature is botocore's."""

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from penstock_shared.aws.signature import Signer

HOST = "sqs.eu-west-1.amazonaws.com"


@pytest.mark.parametrize("token", [None, "a session's token"])
@pytest.mark.parametrize(
    ("service", "method", "path", "headers", "body"),
    [
        ("sqs", "POST", "/", {"x-amz-target": "AmazonSQS.SendMessage"}, '{"ü": 1}'.encode()),
        ("dynamodb", "POST", "/", {"content-type": "application/x-amz-json-1.0"}, b""),
        ("s3", "PUT", "/bucket/plans/a%20b-%C3%BC.json", {"content-type": "text/x"}, b"\x00\xff"),
        ("s3", "GET", "/snapshots/1.tar", {}, b""),
    ],
)
def test_it_equals_botocore_s(
    service: str, method: str, path: str, headers: dict[str, str], body: bytes, token: str | None
) -> None:
    credentials = Credentials("key", "secret", token)
    ours = Signer(credentials, service, "eu-west-1").sign(
        method, path, {"host": HOST, **headers}, body
    )

    theirs = AWSRequest(method, f"https://{HOST}{path}", headers, body)
    theirs.context["timestamp"] = ours["x-amz-date"]
    auth = S3SigV4Auth if service == "s3" else SigV4Auth
    signing = auth(credentials, service, "eu-west-1")
    if token:
        theirs.headers["X-Amz-Security-Token"] = token
    if service == "s3":
        theirs.headers["X-Amz-Content-SHA256"] = signing.payload(theirs)
    theirs.headers["X-Amz-Date"] = ours["x-amz-date"]
    signature = signing.signature(
        signing.string_to_sign(theirs, signing.canonical_request(theirs)), theirs
    )

    assert ours["authorization"].endswith(f"Signature={signature}")


def test_another_day_and_another_secret_have_keys_of_their_own() -> None:
    signer = Signer(Credentials("key", "one"), "sqs", "eu-west-1")

    keys = [
        signer._day_key(secret, day)
        for secret, day in [("one", "20260101"), ("one", "20260102"), ("two", "20260102")] * 2
    ]

    assert keys[:3] == keys[3:]
    assert len(set(keys)) == 3
