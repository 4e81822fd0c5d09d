"""Makes boto3 clients, the same way everywhere."""

import os
from functools import cache, partial
from typing import Any

from penstock_shared.aws.lean_client import LeanClient
from penstock_shared.aws.origin import EnvironmentOrigin, Origin, SessionOrigin
from penstock_shared.aws.wire import Wire, WireLimits
from penstock_shared.proxies import proxy_for

_LEAN = frozenset({"dynamodb", "lambda", "s3", "secretsmanager", "sns", "sqs"})


@cache
def client(service: str) -> Any:
    """The client of a service with our timeouts and retries. It is shared: making one is slow."""
    return tuned_client(service)


def tuned_client(service: str, limits: WireLimits | None = None, attempts: int = 6) -> Any:
    """A new client with limits of its own.

    Clients of a few services are lean, see `penstock_shared.aws.lean_client`. There are two
    exceptions: requests that go through a proxy, which only botocore supports, and missing
    credentials, because botocore reports this error best.
    """
    limits = limits or WireLimits()
    make_usual = partial(_boto3_client, service, limits, attempts)
    if service not in _LEAN or not _can_be_lean(service):
        return make_usual()

    def wire_to(address: str) -> Wire:
        return Wire(address, limits, os.environ.get("AWS_CA_BUNDLE") or None)

    return LeanClient(service, _origin(), make_usual, wire_to)


def _can_be_lean(service: str) -> bool:
    origin = _origin()
    return origin.credentials is not None and not proxy_for(origin.address(service))


@cache
def _origin() -> Origin:
    return EnvironmentOrigin.usual() or SessionOrigin(_session())


@cache
def _session() -> Any:
    import boto3

    return boto3.Session()


def _boto3_client(service: str, limits: WireLimits, attempts: int) -> Any:
    from botocore.config import Config

    config = Config(
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=limits.connect,
        read_timeout=limits.read,
        max_pool_connections=limits.kept,
        tcp_keepalive=True,
        signature_version="s3v4" if service == "s3" else None,
    )
    return _session().client(service, config=config)
