"""The settings of the release service, from its environment."""

from penstock_shared.settings import Settings


class ReleaseSettings(Settings):
    """The release service's own settings, in addition to those of every service."""

    bake_state_machine_arn: str = ""
