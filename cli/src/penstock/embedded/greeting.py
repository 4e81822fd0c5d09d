"""Calls the webhook and the API once: proves that they answer, and warms their functions."""

import urllib.request
from concurrent.futures import ThreadPoolExecutor

from penstock.embedded.direct import open_directly
from penstock.embedded.errors import DeploymentError
from penstock.embedded.stack import Stack
from penstock_shared.github import delivery_headers

_PATIENCE = 60.0
_PING = b'{"zen": "Keep it logically awesome."}'


def greet(stack: Stack) -> None:
    """Send GitHub's ping to the webhook, and ask the API for a flow.

    Raises DeploymentError when one of them does not answer or answers with an error.
    """
    headers = delivery_headers(stack.webhook_secret, _PING, "greeting", event="ping")
    ping = urllib.request.Request(stack.webhook_url, _PING, headers)  # noqa: S310  # the stack's own
    look = urllib.request.Request(f"{stack.api_url}/flows?limit=1")  # noqa: S310  # likewise
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(_expect_an_answer, (ping, look)))


def _expect_an_answer(request: urllib.request.Request) -> None:
    try:
        open_directly(request, _PATIENCE).close()
    except OSError as error:
        raise DeploymentError(f"{request.full_url} does not answer: {error}") from error
