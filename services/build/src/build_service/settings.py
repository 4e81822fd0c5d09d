"""The settings of the build service, from its environment."""

from enum import StrEnum

from penstock_shared.settings import Settings


class SourceAddresses(StrEnum):
    """Which addresses of the network source may be fetched from."""

    PUBLIC = "public"
    ANY = "any"
    """For a stack on the developer's own machine, or whose forge is in a private network."""


class BuildSettings(Settings):
    """The build service's own settings, in addition to those of every service."""

    repository_secrets: str = ""
    """Prefix of the names of the repositories' secrets in Secrets Manager."""
    source_schemes: str = "https"
    """Comma-separated schemes of clone URLs that may be fetched from."""
    source_addresses: SourceAddresses = SourceAddresses.PUBLIC
    write_credentials: str = ""
    """Prefix of the names of the secrets that forges are told with."""
    api_schemes: str = "https"
    """Comma-separated schemes of the addresses of forges' APIs, which tokens are sent to."""
    presets_digest: str = ""
    """Digest of the sources and locked tools of the build presets: see presets.js."""
    planner_function_prefix: str = ""
    """Beginning of the names of the functions that draft plans; a trust is their end."""
