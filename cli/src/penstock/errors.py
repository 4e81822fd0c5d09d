"""The one error tree of the `penstock` package."""


class PenstockError(Exception):
    """What a person is told, and never a traceback: what happened, where, and what to do."""
