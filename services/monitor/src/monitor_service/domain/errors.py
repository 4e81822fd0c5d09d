"""The errors that this service raises; each text is fit to be shown to a person."""

from penstock_shared.errors import PenstockError


class MonitorError(PenstockError):
    """The root of this service's errors."""


class NoSuchFlowError(MonitorError):
    """Nothing is known of a flow of that id."""


class NoSuchJobError(MonitorError):
    """The flow has no job of that id."""


class BadRequestError(MonitorError):
    """The reader asked for something that makes no sense; the text says what would."""
