"""The credentials, region and addresses of requests to AWS, as botocore resolves them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

_NEEDED = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")
# Only botocore implements what these variables change.
_UNUSUAL = (
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
)
_OTHER_PARTITIONS = ("cn-", "us-iso", "eu-iso")


class Origin(Protocol):
    """Where requests come from and go to."""

    @property
    def credentials(self) -> Any:
        """Credentials of botocore, or an object with the same `get_frozen_credentials`."""
        ...

    @property
    def region(self) -> str:
        """The name of the region."""
        ...

    def address(self, service: str) -> str:
        """The endpoint of a service, by boto3's name for it. It does not end in a slash."""
        ...


@dataclass(frozen=True)
class EnvironmentCredentials:
    """The keys in the environment of a function. They stay valid while its process lives."""

    access_key: str
    secret_key: str
    token: str | None

    def get_frozen_credentials(self) -> "EnvironmentCredentials":
        """The same keys again: static credentials are never refreshed."""
        return self


@dataclass(frozen=True)
class EnvironmentOrigin:
    """Reads a function's environment variables."""

    variables: Mapping[str, str]

    @classmethod
    def usual(cls) -> "EnvironmentOrigin | None":
        """The origin in the environment; None if it is incomplete or only botocore can read it."""
        origin = cls(os.environ)
        if not all(map(origin.variables.get, _NEEDED)):
            return None
        if any(map(origin.variables.get, _UNUSUAL)) or origin.region.startswith(_OTHER_PARTITIONS):
            return None
        return origin

    @cached_property
    def credentials(self) -> EnvironmentCredentials:
        """Credentials from the three variables that AWS defines."""
        return EnvironmentCredentials(
            self.variables["AWS_ACCESS_KEY_ID"],
            self.variables["AWS_SECRET_ACCESS_KEY"],
            self.variables.get("AWS_SESSION_TOKEN") or None,
        )

    @property
    def region(self) -> str:
        """The region, from the variable that boto3 reads."""
        return self.variables["AWS_DEFAULT_REGION"]

    def address(self, service: str) -> str:
        """The address configured for the service or for all services, else AWS's own.

        Source: https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
        """
        names = (f"AWS_ENDPOINT_URL_{service.upper()}", "AWS_ENDPOINT_URL")
        configured = next(filter(None, map(self.variables.get, names)), None)
        return (configured or f"https://{service}.{self.region}.amazonaws.com").rstrip("/")


@dataclass(frozen=True)
class SessionOrigin:
    """Asks a boto3 session, which reads profiles, roles, and the instance that it runs on."""

    session: Any

    @cached_property
    def credentials(self) -> Any:
        """The session's credentials, which botocore refreshes; None if there are none."""
        return self.session.get_credentials()

    @property
    def region(self) -> str:
        """The region of the session."""
        return str(self.session.region_name)

    def address(self, service: str) -> str:
        """The address that the session's own client uses."""
        return str(self.session.client(service).meta.endpoint_url).rstrip("/")
