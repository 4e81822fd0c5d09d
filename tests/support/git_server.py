"""The embedded stack's git server in this process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from penstock.embedded.git_server import GitServer
from penstock.embedded.home import Home


@contextmanager
def served(folder: Path) -> Iterator[GitServer]:
    """A server of the home in `folder`, which is made."""
    home = Home(folder)
    home.make()
    server = GitServer(home, 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()
