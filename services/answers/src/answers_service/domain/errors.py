"""Why a forge was not told."""

from penstock_shared.errors import ComeBackError, RefusedMessageError


class TellLaterError(ComeBackError):
    """The forge cannot be told now: it is down, slow, or asks for a pause of `seconds`."""


class NotToldError(RefusedMessageError):
    """The forge refuses what it is told, and would refuse it again. The text is the reason, and
    `status` the status of its answer, if it answered.
    """

    def __init__(self, reason: str, status: int = 0) -> None:
        super().__init__(reason)
        self.status = status
