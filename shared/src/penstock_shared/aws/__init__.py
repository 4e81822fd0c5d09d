"""boto3 clients, made one way everywhere."""

import os
from functools import cache
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import boto3
from botocore.config import Config

from penstock_shared.aws.lean_client import LeanClient
from penstock_shared.aws.wire import Limits, Wire

_LEAN = frozenset({"dynamodb", "s3", "sns", "sqs"})

_USUAL = Config(
    retries={"mode": "standard", "max_attempts": 5},
    connect_timeout=5,
    read_timeout=30,
    tcp_keepalive=True,
)


@cache
def _session() -> boto3.Session:
    return boto3.Session()


@cache
def client(service: str) -> Any:
    """A client with our timeouts and retries; one for each service, for making one is not cheap."""
    return tuned_client(service)


def tuned_client(service: str, tuning: Config | None = None) -> Any:
    """A client of its own with our timeouts and retries, but for what `tuning` says.

    Those of DynamoDB, S3, SNS and SQS are lean, see `penstock_shared.aws.lean_client`, except where
    the way to them leads through a proxy: of that only botocore knows enough.
    """
    config: Any = _USUAL.merge(tuning) if tuning else _USUAL
    if service == "s3":
        config = config.merge(Config(signature_version="s3v4"))
    made = _session().client(service, config=config)  # type: ignore[call-overload]  # the name is a variable
    if service not in _LEAN or _is_proxied(made.meta.endpoint_url):
        return made
    limits = Limits(config.connect_timeout, config.read_timeout, config.max_pool_connections)

    def wire_to(address: str) -> Wire:
        return Wire(address, limits, os.environ.get("AWS_CA_BUNDLE") or None)

    return LeanClient(made, _session().get_credentials(), wire_to)


def _is_proxied(address: str) -> bool:
    parts = urlsplit(address)
    return bool(getproxies().get(parts.scheme)) and not proxy_bypass(parts.netloc)
