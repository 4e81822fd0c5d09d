"""Says hello to both doors of a stack: they open, and nobody's first push waits for it."""

import hashlib
import hmac
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from penstock.embedded.direct import open_directly
from penstock.embedded.errors import DeploymentError
from penstock.embedded.stack import Stack

_PATIENCE = 60.0
_PING = b'{"zen": "Keep it logically awesome."}'


def greet(stack: Stack) -> None:
    """Send the webhook a ping, as GitHub does, and ask the API for a flow.

    Raises DeploymentError when one of them does not answer as it should.
    """
    signature = hmac.new(stack.webhook_secret.encode(), _PING, hashlib.sha256).hexdigest()
    ping = urllib.request.Request(  # noqa: S310  # the address is the stack's own
        stack.webhook_url,
        _PING,
        {"X-GitHub-Event": "ping", "X-Hub-Signature-256": f"sha256={signature}"},
    )
    look = urllib.request.Request(f"{stack.api_url}/flows?limit=1")  # noqa: S310  # likewise
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(_expect_an_answer, (ping, look)))


def _expect_an_answer(request: urllib.request.Request) -> None:
    try:
        open_directly(request, _PATIENCE).close()
    except OSError as error:
        raise DeploymentError(f"{request.full_url} does not answer: {error}") from error
