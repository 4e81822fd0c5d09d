from penstock.errors import PenstockError


class EmbeddedError(PenstockError):
    """The embedded stack cannot do what was requested."""


class NotRunningError(EmbeddedError):
    """There is no embedded stack in this folder."""


class EmulatorError(EmbeddedError):
    """The emulator did not start."""


class DeploymentError(EmbeddedError):
    """A stack could not be deployed to the emulator."""


class RunnerError(EmbeddedError):
    """A runner did not start."""
