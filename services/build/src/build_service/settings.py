"""The settings of the build service, from its environment."""

from penstock_shared.settings import Settings


class BuildSettings(Settings):
    """The build service's own settings, in addition to those of every service."""

    webhook_secret_id: str = ""
    """Name of the Secrets Manager secret that deliveries are signed with."""
    source_schemes: str = "https"
    """Comma-separated schemes of clone URLs that may be fetched from."""
