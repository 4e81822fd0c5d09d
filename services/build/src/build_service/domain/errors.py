"""Errors of a change. Their text is the reason that the flow shows."""

from penstock_shared.contracts.registry import RefusalKind
from penstock_shared.errors import PenstockError


class BuildError(PenstockError):
    """The change cannot be built."""


class SourceError(BuildError):
    """The source could not be fetched, or cannot be used."""


class SourceTooLargeError(SourceError):
    """The source is larger than what is fetched."""


class PlanningError(BuildError):
    """Planning failed for an unexpected reason."""


class OvertakenError(PenstockError):
    """The branch has gone on, to another commit."""


class SkippedError(PenstockError):
    """The commit asks for no flow."""


class SourceUnavailableError(PenstockError):
    """The source's server did not answer; the same request may succeed later."""


class WebhookError(PenstockError):
    """A webhook that is refused. `status` is the HTTP status of the answer."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        super().__init__(reason)


class RegistryError(PenstockError):
    """A request to the registry that is refused."""

    def __init__(self, kind: RefusalKind, reason: str) -> None:
        self.kind = kind
        super().__init__(reason)
