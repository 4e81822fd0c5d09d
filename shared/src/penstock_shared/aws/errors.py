"""botocore's exceptions, imported when something fails and not when a function starts.

An `except` clause names its exceptions only then: `except errors.ClientError:` costs a start
nothing, where importing the name costs 40 ms of CPU.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError, WaiterError

__all__ = ["TOO_LATE", "BotoCoreError", "ClientError", "WaiterError", "too_late", "was_too_late"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    import botocore.exceptions

    return getattr(botocore.exceptions, name)


TOO_LATE = "ConditionalCheckFailedException"
"""DynamoDB's code for a write whose condition no longer held."""


def was_too_late(error: "ClientError") -> bool:
    """Whether the write's condition no longer held."""
    return error.response["Error"]["Code"] == TOO_LATE


def too_late(operation: str, answer: dict[str, Any]) -> Exception:
    """The ClientError that boto3 would make of DynamoDB's answer to such a write."""
    from botocore.exceptions import ClientError

    told = {"Code": TOO_LATE, "Message": str(answer.get("message", ""))}
    return ClientError({"Error": told, **answer}, operation)  # type: ignore[typeddict-item]  # `Item` is not among its keys
