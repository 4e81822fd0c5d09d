"""The settings of the build service, from its environment."""

from penstock_shared.settings import Settings


class BuildSettings(Settings):
    """The build service's own settings, in addition to those of every service."""

    repository_secrets: str = ""
    """Prefix of the names of the repositories' secrets in Secrets Manager."""
    source_schemes: str = "https"
    """Comma-separated schemes of clone URLs that may be fetched from."""
