"""Describes a running embedded stack to its clients."""

import json
import os
import threading
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from penstock.embedded.errors import NotRunningError
from penstock.embedded.files import replace_text
from penstock.embedded.home import find_home

STAGE = "local"
REGION = "us-east-1"
ACCOUNT_ID = "000000000000"
"""The account that everything is in; the emulator takes the id of a key for an account."""
_making_a_client = threading.Lock()
"""Making a client is not thread-safe in boto3; using one is."""


@dataclass(frozen=True)
class Stack:
    """A running embedded stack. Topics, queues and tables are keyed by their short names.

    `page_url` works in a browser. A push to `<git_url>/<name>.git` makes the repository if there is
    none. `repositories` lists those that are registered, each with its `name`, `forge`, `git_url`,
    `webhook_url` and `webhook_secret`; webhook addresses are `<webhook_url>/<id>`.
    `secret_access_key` is made for this stack alone, and signs every call to its AWS.
    """

    stage: str
    region: str
    account_id: str
    endpoint_url: str
    api_url: str
    page_url: str
    webhook_url: str
    git_url: str = field(repr=False)
    topics: dict[str, str]
    queues: dict[str, str]
    tables: dict[str, str]
    processes: dict[str, int]
    repositories: list[dict[str, str]] = field(default_factory=list, repr=False)
    access_key_id: str = ACCOUNT_ID
    secret_access_key: str = field(default="", repr=False)

    @classmethod
    def load(cls, home: Path | None = None) -> "Stack":
        """The stack of this home. Raises NotRunningError when there is none."""
        file = find_home(home).stack_file
        try:
            return cls(**json.loads(file.read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise NotRunningError(
                f"No embedded stack runs in {file.parent}. Start one with `penstock up`."
            ) from error

    def save(self, file: Path) -> None:
        replace_text(file, json.dumps(asdict(self), indent=2) + "\n")

    def client(self, service: str) -> Any:
        """A boto3 client of this stack's AWS, for example `stack.client("sns")`."""
        return self.endpoint.client(service)

    @property
    def endpoint(self) -> "Endpoint":
        """The address of this stack's AWS, and its key."""
        return Endpoint(self.endpoint_url, self.secret_access_key)


@dataclass(frozen=True)
class Endpoint:
    """The address of an emulator, and the secret of its key."""

    url: str
    secret: str = field(repr=False)

    def client(self, service: str) -> Any:
        """A boto3 client of this emulator, independent of the shell's AWS settings."""
        from botocore.config import Config

        config = Config(proxies={}, retries={"max_attempts": 2}, connect_timeout=5)
        with _making_a_client:
            return _session(self.secret).client(service, endpoint_url=self.url, config=config)


@cache
def _session(secret: str) -> Any:
    # Imported on first use: the import takes longer than everything else a command does.
    import boto3
    from botocore.session import Session

    nothing_of_the_shell = {
        "ca_bundle": (None, None, None, None),
        "config_file": (None, None, os.devnull, None),
        "credentials_file": (None, None, os.devnull, None),
        "profile": (None, None, None, None),
    }
    return boto3.Session(
        ACCOUNT_ID, secret, region_name=REGION, botocore_session=Session(nothing_of_the_shell)
    )
