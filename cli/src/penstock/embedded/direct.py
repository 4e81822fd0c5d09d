"""HTTP to a stack of this machine."""

import urllib.request
from typing import Any


def open_directly(request: urllib.request.Request | str, timeout: float) -> Any:
    """The answer, past any proxy that the shell names: it cannot know this address.

    Raises OSError, of which urllib's own errors are, when there is none or it is a refusal.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return opener.open(request, timeout=timeout)
