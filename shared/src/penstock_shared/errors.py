"""The root of the errors that `penstock_shared` raises."""


class PenstockError(Exception):
    """Something Penstock can name; its text is fit to be shown to a user."""


class RefusedMessageError(PenstockError):
    """A message that no retry can make acceptable; it belongs in the dead-letter queue.

    The text says why, and travels with the message as its `reason` attribute.
    """


class VersionConflictError(PenstockError):
    """Another writer changed the record since it was read."""


class ContentionError(PenstockError):
    """A record kept changing under the writer; the message is worth delivering again."""


class ConfigurationError(PenstockError):
    """A service was started without something it needs from its environment."""
