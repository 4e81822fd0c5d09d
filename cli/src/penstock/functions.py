"""Asks functions of a stage that answer at once. Who may invoke them is IAM's to say."""

import json
from collections.abc import Callable
from typing import Any

from penstock.errors import CommandError, NoStackError


def ask_function(client: Callable[[str], Any], function: str, request: str) -> dict[str, Any]:
    """The function's answer to a request, which is JSON. `client` makes boto3 clients.

    Raises NoStackError when there is no such function, and CommandError when the call fails.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        told = client("lambda").invoke(FunctionName=function, Payload=request)
    except (BotoCoreError, ClientError) as error:
        kind = NoStackError if "ResourceNotFound" in str(error) else CommandError
        raise kind(f"could not ask {function}: {error}") from error
    body: dict[str, Any] = json.loads(told["Payload"].read())
    if "FunctionError" in told:
        raise CommandError(f"{function} failed: {body.get('errorMessage', body)}")
    return body
