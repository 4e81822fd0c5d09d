"""The keys that requests are signed with: the stack's own, and those that the emulator gave out."""

# ruff: noqa: SLF001

import hmac
import os
import re
from typing import Any

_ACCOUNT = re.compile(r"\d{12}")
_SECRET = "AWS_SECRET_ACCESS_KEY"  # noqa: S105  # the name of a variable


def secret_of(key_id: str, token: str) -> str | None:
    """The secret of a key by its id; None if there is no such key, or its session has ended.

    The id of the stack's key is that of an account: ministack takes it for the account to work in.
    """
    if _ACCOUNT.fullmatch(key_id):
        return os.environ[_SECRET]
    return _secret_given_out(key_id, token)


def _secret_given_out(key_id: str, token: str) -> str | None:
    """The secret of an IAM user's key or of a session of a role."""
    from ministack.core import iam_evaluator, responses

    account = responses._account_from_sts_session(
        key_id
    ) or iam_evaluator.find_iam_access_key_account(key_id)
    if not account or iam_evaluator.is_root_access_key(key_id):
        return None
    found = iam_evaluator.resolve_credential(key_id, account, token)
    return getattr(found, "secret_access_key", None)


def hide_keys_of_functions() -> None:
    """Give functions secrets that nobody can compute.

    With IAM enforced, ministack makes them of the names of function and role.
    """
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc, sts

    credentials_of = lambda_runtime.execution_credentials

    def hidden(configuration: dict[str, Any]) -> dict[str, str]:
        given: dict[str, str] = credentials_of(configuration)
        key_id = given["AWS_ACCESS_KEY_ID"]
        if not _ACCOUNT.fullmatch(key_id):
            given[_SECRET] = _derived("secret", key_id)
            given["AWS_SESSION_TOKEN"] = _derived("token", key_id)
            session = sts._sessions[key_id]
            session["SecretAccessKey"] = given[_SECRET]
            session["SessionToken"] = given["AWS_SESSION_TOKEN"]
        return given

    lambda_runtime.execution_credentials = lambda_svc.execution_credentials = hidden


def _derived(kind: str, key_id: str) -> str:
    return hmac.new(os.environ[_SECRET].encode(), f"{kind}:{key_id}".encode(), "sha256").hexdigest()
