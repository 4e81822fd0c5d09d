"""Calls the webhook and the API once: proves that they answer, and warms their functions."""

import json
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from penstock.embedded.direct import open_directly
from penstock.embedded.errors import DeploymentError
from penstock.embedded.stack import Stack

_PATIENCE = 60.0
_NOBODY = "0" * 20
"""An id that no repository has."""


def greet(stack: Stack) -> None:
    """Ask the webhook for a repository that does not exist, and the API for a flow.

    Raises DeploymentError when one of them does not answer or answers with an error.
    """
    knock = urllib.request.Request(f"{stack.webhook_url}/{_NOBODY}", b"{}")  # noqa: S310  # the stack's own
    look = urllib.request.Request(f"{stack.api_url}/flows?limit=1")  # noqa: S310  # likewise
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(_expect_an_answer, (knock, look)))


def _expect_an_answer(request: urllib.request.Request) -> None:
    try:
        open_directly(request, _PATIENCE).close()
    except urllib.error.HTTPError as error:
        if not _is_the_webhooks(error):
            raise DeploymentError(f"{request.full_url} answers {error.code}") from error
    except OSError as error:
        raise DeploymentError(f"{request.full_url} does not answer: {error}") from error


def _is_the_webhooks(error: urllib.error.HTTPError) -> bool:
    """Whether the webhook itself says that there is no such repository."""
    try:
        return error.code == 404 and "error" in json.loads(error.read())
    except ValueError:
        return False
