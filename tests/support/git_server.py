"""The embedded stack's git server in this process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from penstock.embedded.git_server import GitServer
from penstock.embedded.home import Home
from penstock.embedded.stack import ACCOUNT_ID, REGION, STAGE, Stack
from tests.support.servers import http_server

PUSHED_TO = ("shop", "ada/shop", "large")
"""The repositories that the stack knows. The hook of a push to another name asks the registry."""


@contextmanager
def served(folder: Path) -> Iterator[GitServer]:
    """A server of the home in `folder`, which is made. The hooks of its repositories are heard.

    Without a stack that hears it, a hook waits for one that may be restarting.
    """
    home = Home(folder)
    home.make()
    server = GitServer(home, 0)
    with http_server(_Webhook) as address:
        _stack_at(address, server).save(home.stack_file)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        server.server_close()
        thread.join()


class _Webhook(BaseHTTPRequestHandler):
    """Answers every webhook, and starts nothing."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(202)
        self.end_headers()
        self.wfile.write(b'{"reason": "heard"}')

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _stack_at(address: str, server: GitServer) -> Stack:
    entry = {"forge": "git", "webhook_url": f"{address}/webhook/1", "webhook_secret": "s3cret"}
    return Stack(
        stage=STAGE,
        region=REGION,
        account_id=ACCOUNT_ID,
        endpoint_url=address,
        api_url=address,
        page_url=address,
        webhook_url=f"{address}/webhook",
        git_url=f"http://127.0.0.1:{server.server_address[1]}",
        topics={},
        queues={},
        tables={},
        processes={},
        repositories=[{"name": name, **entry} for name in PUSHED_TO],
    )
