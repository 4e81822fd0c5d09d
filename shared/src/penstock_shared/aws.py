"""boto3 clients, made one way everywhere."""

from functools import cache
from typing import Any

import boto3
from botocore.config import Config

_CONFIG = Config(
    retries={"mode": "standard", "max_attempts": 5},
    connect_timeout=5,
    read_timeout=30,
    tcp_keepalive=True,
    max_pool_connections=10,
)


@cache
def _session() -> boto3.Session:
    return boto3.Session()


def client(service: str, tuning: Config | None = None, **overrides: Any) -> Any:
    """A client with our timeouts and retries, but for what `tuning` says.

    One session serves all: making one is not cheap.
    """
    config = _CONFIG.merge(tuning) if tuning else _CONFIG
    if service == "s3":
        config = config.merge(Config(signature_version="s3v4"))
    return _session().client(service, config=config, **overrides)  # type: ignore[call-overload]  # the name is a variable


def credentials() -> Any:
    """botocore's credentials of that session, refreshed when it is time; None if there are none."""
    return _session().get_credentials()
