from penstock.errors import CommandError


class EmbeddedError(CommandError):
    """The embedded stack cannot do what was requested."""


class NotRunningError(EmbeddedError):
    """There is no embedded stack in this folder."""


class EmulatorError(EmbeddedError):
    """The emulator did not start."""


class DeploymentError(EmbeddedError):
    """A stack could not be deployed to the emulator."""


class RunnerStartError(EmbeddedError):
    """A runner did not start."""
