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


def client(service: str, **overrides: Any) -> Any:
    """A client with our timeouts and retries. One session serves all: making one is not cheap."""
    config = _CONFIG.merge(Config(signature_version="s3v4")) if service == "s3" else _CONFIG
    return _session().client(service, config=config, **overrides)  # type: ignore[call-overload]  # the name is a variable
