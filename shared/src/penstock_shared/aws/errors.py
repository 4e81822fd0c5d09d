"""botocore's exceptions, imported when something fails and not when a function starts.

Python evaluates an `except` clause only when something was raised. So `except errors.ClientError:`
adds nothing to a cold start, where importing the name takes 40 ms of CPU.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError, WaiterError

__all__ = [
    "NOT_FOUND",
    "TOO_LATE",
    "BotoCoreError",
    "ClientError",
    "WaiterError",
    "usual_error",
    "was_not_found",
    "was_too_late",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    import botocore.exceptions

    return getattr(botocore.exceptions, name)


TOO_LATE = "ConditionalCheckFailedException"
"""DynamoDB's error code for a write whose condition does not hold."""
NOT_FOUND = "ResourceNotFoundException"
"""Secrets Manager's error code for a secret that does not exist."""


def was_too_late(error: "ClientError") -> bool:
    """Whether DynamoDB refused the write because its condition does not hold."""
    return error.response["Error"]["Code"] == TOO_LATE


def was_not_found(error: "ClientError") -> bool:
    """Whether what was asked for does not exist."""
    return error.response["Error"]["Code"] == NOT_FOUND


def usual_error(operation: str, code: str, answer: dict[str, Any]) -> Exception:
    """The ClientError that boto3 raises for this answer."""
    from botocore.exceptions import ClientError

    details = {"Code": code, "Message": str(answer.get("message") or answer.get("Message", ""))}
    return ClientError({"Error": details, **answer}, operation)  # type: ignore[typeddict-item]  # `Item` is not among its keys
