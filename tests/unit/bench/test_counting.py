"""What the benchmark takes a request for, and what it says that it costs."""

import pytest

from bench.counting import name_of
from bench.prices import cost

FORM = b"application/x-www-form-urlencoded"


def a_request(
    service: str = "",
    method: str = "POST",
    path: str = "/",
    query: str = "",
    **headers: bytes,
) -> dict[str, object]:
    signed = (
        f"AWS4-HMAC-SHA256 Credential=key/20260101/eu-west-1/{service}/aws4_request, Signature=1"
    )
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if service:
        named["authorization"] = signed.encode()
    return {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value) for name, value in named.items()],
    }


@pytest.mark.parametrize(
    ("request_", "body", "name"),
    [
        (a_request("dynamodb", x_amz_target=b"DynamoDB_2.PutItem"), b"{}", "dynamodb:PutItem"),
        (a_request("sns", content_type=FORM), b"Version=1&Action=Publish", "sns:Publish"),
        (a_request("s3", "PUT", "/bucket/plans/1.json"), b"", "s3:PutObject"),
        (a_request("s3", "PUT", "/bucket"), b"", "s3:CreateBucket"),
        (
            a_request(method="GET", path="/bucket/key", query="X-Amz-Credential=key"),
            b"",
            "s3:GetObject",
        ),
        (a_request("lambda", path="/2015-03-31/functions/f/invocations"), b"{}", "lambda:Invoke"),
        (a_request(path="/_aws/execute-api/1/webhook"), b"{}", ""),
    ],
)
def test_a_call_is_named_by_service_and_operation(
    request_: dict[str, object], body: bytes, name: str
) -> None:
    assert name_of(request_, body) == name


def test_what_has_a_price_is_told_dearest_first_and_the_rest_is_free() -> None:
    costs = cost({"sqs:SendMessage": 10, "s3:PutObject": 2, "lambda:GetFunction": 7})

    assert list(costs) == ["s3:PutObject", "sqs:SendMessage"]
    assert costs["s3:PutObject"] == pytest.approx(0.00001)
