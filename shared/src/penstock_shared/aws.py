"""boto3 clients, made one way everywhere."""

import os
from functools import cache
from typing import Any

import boto3
import urllib3
from botocore.config import Config

from penstock_shared.lean_client import LeanClient

_LEAN = frozenset({"dynamodb", "sqs", "sns"})

_CONNECT_SECONDS, _READ_SECONDS, _CONNECTIONS = 5, 30, 10
_CONFIG = Config(
    retries={"mode": "standard", "max_attempts": 5},
    connect_timeout=_CONNECT_SECONDS,
    read_timeout=_READ_SECONDS,
    tcp_keepalive=True,
    max_pool_connections=_CONNECTIONS,
)


@cache
def _session() -> boto3.Session:
    return boto3.Session()


@cache
def client(service: str) -> Any:
    """A client with our timeouts and retries; one for each service, for making one is not cheap.

    Those of DynamoDB, SQS and SNS are lean: see `penstock_shared.lean_client`.
    """
    made = tuned_client(service)
    if service not in _LEAN:
        return made
    pool = urllib3.PoolManager(
        maxsize=_CONNECTIONS,
        timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS),
        retries=False,
        ca_certs=os.environ.get("AWS_CA_BUNDLE"),
    )
    return LeanClient(made, credentials(), pool)


def tuned_client(service: str, tuning: Config | None = None) -> Any:
    """A boto3 client of its own with our timeouts and retries, but for what `tuning` says."""
    config = _CONFIG.merge(tuning) if tuning else _CONFIG
    if service == "s3":
        config = config.merge(Config(signature_version="s3v4"))
    return _session().client(service, config=config)  # type: ignore[call-overload]  # the name is a variable


def credentials() -> Any:
    """botocore's credentials of that session, refreshed when it is time; None if there are none."""
    return _session().get_credentials()
