"""What can go wrong while something is deployed."""

from penstock_shared.errors import PenstockError


class DeployerError(PenstockError):
    """The root of this service's errors."""


class StepFailedError(DeployerError):
    """A component could not be deployed or rolled back, and trying again will not help.

    The text is shown to whoever looks at the flow.
    """


class LeaseLostError(DeployerError):
    """The environment is no longer this deployment's: whoever works for it must write nothing."""
