"""The root of the errors that `penstock_shared` raises."""

import traceback
from pathlib import PurePath


class PenstockError(Exception):
    """An error that Penstock explains. Its text can be shown to a user."""


class RefusedMessageError(PenstockError):
    """A message that no retry can make acceptable. It belongs in the dead-letter queue.

    The text is the reason, and goes there as the message's `reason` attribute.
    """


class ComeBackError(PenstockError):
    """A message that cannot be handled yet: it comes back after `seconds`, or after the usual pause
    if none are given.
    """

    def __init__(self, reason: str, seconds: float | None = None) -> None:
        super().__init__(reason)
        self.seconds = seconds


def describe(error: BaseException) -> str:
    """An unexpected error and where it was raised, in one line for people.

    For example `KeyError: 'orders' (planning.py:120, in _order)`.
    """
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({PurePath(frames[-1].filename).name}:{frames[-1].lineno}, in {frames[-1].name})"
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return text + (where if frames else "")


class VersionConflictError(PenstockError):
    """Another writer has changed the record since it was read."""


class ContentionError(PenstockError):
    """Other writers kept changing the record. The message can be delivered again."""


class ConfigurationError(PenstockError):
    """The environment lacks something that the service needs."""
