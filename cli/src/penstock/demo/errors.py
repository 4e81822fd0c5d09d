from penstock.errors import CommandError


class DemoError(CommandError):
    """The demo found something wrong."""


def expect(what: bool, otherwise: str) -> None:  # noqa: FBT001  # reads like assert
    """Raise DemoError with the text `otherwise` unless `what` is true."""
    if not what:
        raise DemoError(otherwise)
