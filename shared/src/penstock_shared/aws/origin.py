"""Who asks AWS, in which region, and where: what botocore finds out for a client."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol
from urllib.parse import urlsplit

_NEEDED = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")
# Of these only botocore knows what they change.
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
        """botocore's, or what answers `get_frozen_credentials` as they do."""
        ...

    @property
    def region(self) -> str:
        """The region's name."""
        ...

    def address(self, service: str) -> str:
        """The endpoint of a service, named as boto3 names it; without a slash at its end."""
        ...


@dataclass(frozen=True)
class EnvironmentCredentials:
    """The keys that a function gets with its start, and keeps until its end."""

    access_key: str
    secret_key: str
    token: str | None

    def get_frozen_credentials(self) -> "EnvironmentCredentials":
        """Themselves: they are never refreshed."""
        return self


@dataclass(frozen=True)
class EnvironmentOrigin:
    """What the variables of a function's environment say."""

    variables: Mapping[str, str]

    @classmethod
    def usual(cls) -> "EnvironmentOrigin | None":
        """The environment's, or None where it does not say all, or anything out of the usual."""
        told = cls(os.environ)
        if not all(map(told.variables.get, _NEEDED)):
            return None
        if any(map(told.variables.get, _UNUSUAL)) or told.region.startswith(_OTHER_PARTITIONS):
            return None
        return told

    @cached_property
    def credentials(self) -> EnvironmentCredentials:
        """From the three variables that AWS names for it."""
        return EnvironmentCredentials(
            self.variables["AWS_ACCESS_KEY_ID"],
            self.variables["AWS_SECRET_ACCESS_KEY"],
            self.variables.get("AWS_SESSION_TOKEN") or None,
        )

    @property
    def region(self) -> str:
        """As boto3 reads it."""
        return self.variables["AWS_DEFAULT_REGION"]

    def address(self, service: str) -> str:
        """The one configured for the service or for all, else AWS's own.

        Source: https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
        """
        told = self.variables.get(f"AWS_ENDPOINT_URL_{service.upper()}") or self.variables.get(
            "AWS_ENDPOINT_URL"
        )
        return (told or f"https://{service}.{self.region}.amazonaws.com").rstrip("/")


@dataclass(frozen=True)
class SessionOrigin:
    """What a boto3 session finds out: from profiles, roles, and the instance it runs on."""

    session: Any

    @cached_property
    def credentials(self) -> Any:
        """Refreshed when it is time; None if there are none."""
        return self.session.get_credentials()

    @property
    def region(self) -> str:
        """The session's."""
        return str(self.session.region_name)

    def address(self, service: str) -> str:
        """The one that a client of the session has."""
        return str(self.session.client(service).meta.endpoint_url).rstrip("/")


def is_proxied(address: str) -> bool:
    """Whether the environment leads the way to this address through a proxy."""
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return False
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(address)
    return bool(getproxies().get(parts.scheme)) and not proxy_bypass(parts.netloc)
