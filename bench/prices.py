"""The prices on AWS of what a flow uses, in USD for one unit.

Source: AWS's price pages for us-east-1, on demand and without free tiers, as of November 2026
(https://aws.amazon.com/<service>/pricing/). Calls that are not listed are free.
"""

from collections.abc import Mapping
from typing import Final

MILLION: Final = 1_000_000
GIB: Final = 2**30

_SNS = 0.50 / MILLION
_SQS = 0.40 / MILLION
_DYNAMODB_WRITE = 0.625 / MILLION
_DYNAMODB_READ = 0.125 / MILLION
_S3_PUT = 5.00 / MILLION
_S3_GET = 0.40 / MILLION

PRICES: Final[Mapping[str, float]] = {
    "sns:Publish": _SNS,
    "sns:PublishBatch": _SNS,
    "sqs:SendMessage": _SQS,
    "sqs:SendMessageBatch": _SQS,
    "sqs:ReceiveMessage": _SQS,
    "sqs:DeleteMessage": _SQS,
    "sqs:DeleteMessageBatch": _SQS,
    "sqs:ChangeMessageVisibility": _SQS,
    "sqs:ChangeMessageVisibilityBatch": _SQS,
    # One unit each: an item of up to 1 KB written, or of up to 4 KB read.
    "dynamodb:PutItem": _DYNAMODB_WRITE,
    "dynamodb:UpdateItem": _DYNAMODB_WRITE,
    "dynamodb:DeleteItem": _DYNAMODB_WRITE,
    "dynamodb:BatchWriteItem": _DYNAMODB_WRITE,
    "dynamodb:TransactWriteItems": 4 * _DYNAMODB_WRITE,  # two items, at twice the units each
    "dynamodb:GetItem": _DYNAMODB_READ,
    "dynamodb:BatchGetItem": _DYNAMODB_READ,
    "dynamodb:Query": _DYNAMODB_READ,
    "dynamodb:Scan": _DYNAMODB_READ,
    "s3:PutObject": _S3_PUT,
    "s3:MultipartUpload": _S3_PUT,
    "s3:ListObjects": _S3_PUT,
    "s3:GetObject": _S3_GET,
    "s3:HeadObject": _S3_GET,
    "secretsmanager:GetSecretValue": 5.00 / MILLION,
    "scheduler:CreateSchedule": 1.00 / MILLION,  # it is invoked once
    # Other metered use, which is not calls; see bench/usage.py.
    "lambda invocations": 0.20 / MILLION,
    "lambda GB-seconds": 0.0000133,  # arm64
    "log bytes": 0.50 / GIB,
    "state transitions": 25.00 / MILLION,
    "HTTP API requests": 1.00 / MILLION,
    "queue polls by Lambda": _SQS,
    "traces": 5.00 / MILLION,
}


def cost(usage: Mapping[str, float]) -> dict[str, float]:
    """Return USD for everything used that has a price, most expensive first."""
    costs = {name: amount * PRICES[name] for name, amount in usage.items() if name in PRICES}
    return dict(sorted(costs.items(), key=lambda item: -item[1]))
