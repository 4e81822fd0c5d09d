"""What can be wrong with a change; the text of each is the reason that its flow shows."""

from penstock_shared.errors import PenstockError


class BuildError(PenstockError):
    """The change cannot be built."""


class SourceError(BuildError):
    """The source could not be had, or cannot be used."""


class PlanningError(BuildError):
    """Planning came upon something that nobody had thought of."""


class OvertakenError(PenstockError):
    """A newer commit of the branch is ahead already."""


class SourceUnavailableError(PenstockError):
    """The source's server did not answer; the same request may succeed later."""


class WebhookError(PenstockError):
    """A webhook that starts nothing. `status` is the HTTP status that says whose mistake it is."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        super().__init__(reason)
