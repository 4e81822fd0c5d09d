"""What the deployer is told by its environment."""

from penstock_shared.settings import Settings


class DeployerSettings(Settings):
    """The service's own settings, beside those of every service."""

    component_role_arn: str = ""
    """The role that functions deployed by the `lambda` driver run as."""
