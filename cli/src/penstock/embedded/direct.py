"""HTTP to a stack on this machine."""

import urllib.request
from typing import Any


def open_directly(request: urllib.request.Request | str, timeout: float) -> Any:
    """The answer, without any proxy that the shell names: a proxy cannot reach this address.

    Raises OSError when there is no answer or an HTTP error; urllib's errors are OSErrors.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return opener.open(request, timeout=timeout)
