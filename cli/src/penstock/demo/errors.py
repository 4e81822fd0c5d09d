from penstock.errors import PenstockError


class DemoError(PenstockError):
    """Something in the demo was not as it should be."""


def expect(what: bool, otherwise: str) -> None:  # noqa: FBT001  # reads like assert
    """Raises DemoError, saying `otherwise`, unless `what` is so."""
    if not what:
        raise DemoError(otherwise)
