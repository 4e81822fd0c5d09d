"""What the build service is told by its environment."""

from penstock_shared.settings import Settings


class BuildSettings(Settings):
    """The service's own settings, beside those of every service."""

    webhook_secret_id: str = ""
    """Name of the Secrets Manager secret that deliveries are signed with."""
    source_schemes: str = "https"
    """Comma-separated schemes of clone URLs that may be fetched from."""
