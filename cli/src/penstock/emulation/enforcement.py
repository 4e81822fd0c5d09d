"""Makes ministack's IAM, where it is enforced, ask for the rights that AWS asks for.

`AUTH=true` in the emulator's environment enforces it. ministack reads that when it is imported.
"""

import json
import os
import re
from collections.abc import Callable
from typing import Any

from penstock.emulation.kinds import App, Scope

# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html: there are
# no actions for batches.
_BATCHES = {
    f"sqs:{action}Batch": f"sqs:{action}"
    for action in ("SendMessage", "DeleteMessage", "ChangeMessageVisibility")
}
_ALIAS = re.compile(r"/2015-03-31/functions/[^/]+/aliases/[^/]+/?")
_OF_ALIASES = {
    "GET": "lambda:GetAlias",
    "PUT": "lambda:UpdateAlias",
    "DELETE": "lambda:DeleteAlias",
}
_CREATE = "/2015-03-31/functions"
_QUALIFIED = re.compile(r"(arn:[^:]*:lambda:[^:]*:[^:]*:function:[^:]*):[^:]*")


def is_enforced() -> bool:
    """Whether this emulator refuses what a role does not allow."""
    return os.environ.get("AUTH") == "true"


def ask_for_rights_as_aws_does() -> None:
    """Correct the names of actions and resources that ministack takes from a request."""
    from ministack.core import iam_actions
    from ministack.services import tagging

    iam_actions.extract_iam_action = _with_right_action(iam_actions.extract_iam_action)
    iam_actions.extract_resource_arn = _with_right_resource(iam_actions.extract_resource_arn)
    tags_of = tagging.resource_tags
    # A function's tags hold for its versions and aliases, which have none of their own.
    tagging.resource_tags = lambda arn: tags_of(_QUALIFIED.sub(r"\1", arn))


def _with_right_action(extract: Callable[..., Any]) -> Callable[..., Any]:
    def action(service: str, method: str, path: str, *rest: Any, **more: Any) -> Any:
        if service == "lambda" and _ALIAS.fullmatch(path):
            return _OF_ALIASES.get(method)
        found = extract(service, method, path, *rest, **more)
        return _BATCHES.get(found, found) if isinstance(found, str) else found

    return action


def _with_right_resource(extract: Callable[..., Any]) -> Callable[..., Any]:
    """A function that is created is named in the body; ministack takes any for it."""

    def resource(service: str, method: str, path: str, *rest: Any) -> Any:
        if service == "lambda" and method == "POST" and path.rstrip("/") == _CREATE:
            _headers, body, _query, region, account = rest
            name = json.loads(body or b"{}").get("FunctionName", "")
            return f"arn:aws:lambda:{region}:{account}:function:{name}"
        return extract(service, method, path, *rest)

    return resource


def as_encrypted(app: App) -> App:
    """Let requests count as encrypted: policies refuse others, and loopback has no TLS."""

    async def encrypted(scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope = {**scope, "scheme": "https"}
        await app(scope, receive, send)

    return encrypted
