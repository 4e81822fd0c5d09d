"""Says hello to both doors of a stack: they open, and nobody's first push waits for it."""

import urllib.request
from concurrent.futures import ThreadPoolExecutor

from penstock.embedded.direct import open_directly
from penstock.embedded.errors import DeploymentError
from penstock.embedded.stack import Stack
from penstock_shared.github import delivery_headers

_PATIENCE = 60.0
_PING = b'{"zen": "Keep it logically awesome."}'


def greet(stack: Stack) -> None:
    """Send the webhook a ping, as GitHub does, and ask the API for a flow.

    Raises DeploymentError when one of them does not answer as it should.
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
