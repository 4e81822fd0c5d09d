"""What the release service is told by its environment."""

from penstock_shared.settings import Settings


class ReleaseSettings(Settings):
    """The service's own settings, beside those of every service."""

    bake_state_machine_arn: str = ""
