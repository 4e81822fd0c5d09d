"""The root of the errors that `penstock_shared` raises."""

import traceback
from pathlib import PurePath


class PenstockError(Exception):
    """Something Penstock can name; its text is fit to be shown to a user."""


class RefusedMessageError(PenstockError):
    """A message that no retry can make acceptable; it belongs in the dead-letter queue.

    The text says why, and travels with the message as its `reason` attribute.
    """


def describe(error: BaseException) -> str:
    """What an unexpected error was and where it arose, in one line for people.

    For example `KeyError: 'orders' (planning.py:120, in _order)`.
    """
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({PurePath(frames[-1].filename).name}:{frames[-1].lineno}, in {frames[-1].name})"
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return text + (where if frames else "")


class VersionConflictError(PenstockError):
    """Another writer changed the record since it was read."""


class ContentionError(PenstockError):
    """A record kept changing under the writer; the message is worth delivering again."""


class ConfigurationError(PenstockError):
    """A service was started without something it needs from its environment."""
