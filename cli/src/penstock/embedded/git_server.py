"""The server to push to: git's smart HTTP on loopback. A push to a new name makes its repository.

`git http-backend` does the work: https://git-scm.com/docs/git-http-backend describes the CGI
variables and https://git-scm.com/docs/http-protocol the addresses. What a hook prints goes to the
pusher's terminal as it is printed.

Only who knows the home's key may push or fetch, and no browser may, whatever page it shows.

Usage: python -m penstock.embedded.git_server HOME PORT
"""

import base64
import hmac
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, cast
from urllib.parse import parse_qs, unquote, urlsplit

from penstock.embedded.errors import EmbeddedError
from penstock.embedded.home import Home
from penstock.embedded.ports import HOST
from penstock.embedded.repository import checked_name, ensure_repository, local_repositories

_ADDRESS = re.compile(
    r"/(?P<name>.+?)(?:\.git)?/(?P<what>info/refs|git-upload-pack|git-receive-pack)"
)
_RECEIVE = "git-receive-pack"
_OF_BROWSERS = ("Origin", "Sec-Fetch-Site", "Sec-Fetch-Mode")
_PIECE = 64 * 1024


class TurnedAwayError(Exception):
    """A request that is answered without git."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        self.status = status
        super().__init__(reason)


class GitServer(ThreadingHTTPServer):
    """Serves the repositories of one home to those who know its key."""

    daemon_threads = True

    def __init__(self, home: Home, port: int, handler: type["GitHandler"] | None = None) -> None:
        super().__init__((HOST, port), handler or GitHandler)
        self.home = home
        self.making = threading.Lock()

    def folder_of(self, name: str, *, make: bool) -> Path:
        """The bare repository of this name, made if it is missing. Raises EmbeddedError."""
        with self.making:
            known = local_repositories(self.home).get(checked_name(name))
            if known:
                return known
            if not make:
                raise EmbeddedError(f"there is no repository {name} here; a push makes it")
            ensure_repository(self.home, name)
            return local_repositories(self.home)[name]

    def knows(self, authorization: str) -> bool:
        """Whether a request's Authorization header holds the key."""
        expected = base64.b64encode(self.home.git_login().encode()).decode()
        given = authorization.encode(errors="replace")
        return hmac.compare_digest(f"Basic {expected}".encode(), given)


class GitHandler(BaseHTTPRequestHandler):
    """Answers git's requests, from those who may ask."""

    protocol_version = "HTTP/1.1"
    server: GitServer
    server_version = "penstock"
    sys_version = ""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        try:
            self.check_sender()
            folder, what, service = self._wanted()
        except TurnedAwayError as refused:
            self._refuse(refused)
        except EmbeddedError as error:
            self._refuse(TurnedAwayError(HTTPStatus.NOT_FOUND, str(error)))
        else:
            self._run(self._variables(folder, what, service))

    def check_sender(self) -> None:
        """Raises TurnedAwayError for browsers, for another name of this host, without the key."""
        port = self.server.server_address[1]
        if any(self.headers.get(name) for name in _OF_BROWSERS):
            raise TurnedAwayError(HTTPStatus.FORBIDDEN, "this address is for git, not for browsers")
        if self.headers.get("Host") not in (f"{HOST}:{port}", f"localhost:{port}"):
            raise TurnedAwayError(HTTPStatus.FORBIDDEN, f"this server is {HOST}:{port}")
        if not self.server.knows(self.headers.get("Authorization", "")):
            raise TurnedAwayError(
                HTTPStatus.UNAUTHORIZED, "the key is missing or wrong: `penstock up` prints it"
            )

    def _wanted(self) -> tuple[Path, str, str]:
        """The repository, what is asked of it, and the service that is asked for."""
        address = urlsplit(re.sub("/+", "/", self.path))
        found = _ADDRESS.fullmatch(unquote(address.path))
        if not found:
            raise TurnedAwayError(HTTPStatus.NOT_FOUND, "an address is <git_url>/<name>.git")
        what = found["what"]
        service = parse_qs(address.query).get("service", [what])[0]
        folder = self.server.folder_of(found["name"], make=service == _RECEIVE)
        return folder, what, service

    def _variables(self, folder: Path, what: str, service: str) -> dict[str, str]:
        of_git = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        return {
            **of_git,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROJECT_ROOT": str(folder.parent),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "PATH_INFO": f"/{folder.name}/{what}",
            "QUERY_STRING": f"service={service}" if what == "info/refs" else "",
            "REMOTE_ADDR": HOST,
            "REMOTE_USER": os.environ.get("USER", "unknown"),
            "REQUEST_METHOD": self.command,
        }

    def _run(self, variables: dict[str, str]) -> None:
        command = ["git", "http-backend"]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, env=variables, stdin=pipe, stdout=pipe) as backend:
            # git may answer before it has read everything.
            feeding = threading.Thread(target=self._feed, args=(backend.stdin,))
            feeding.start()
            self._relay(cast("IO[bytes]", backend.stdout))
            feeding.join()

    def _feed(self, into: IO[bytes]) -> None:
        try:
            for piece in self._body():
                into.write(piece)
            into.close()
        except (OSError, ValueError):
            # git has ended, or the pusher has gone. The answer says what there is to say.
            self.close_connection = True

    def _body(self) -> Iterator[bytes]:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline().partition(b";")[0], 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return
        left = int(self.headers.get("Content-Length") or 0)
        while left > 0 and (piece := self.rfile.read(min(left, _PIECE))):
            left -= len(piece)
            yield piece

    def _relay(self, answer: IO[bytes]) -> None:
        """Send a CGI response on, each part as soon as it is there."""
        headers = {}
        while line := answer.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip()] = value.strip()
        status = headers.pop("Status", "200 OK")
        self.send_response(int(status.split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while piece := answer.read1(_PIECE):  # type: ignore[attr-defined]  # it is buffered
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def _refuse(self, refused: TurnedAwayError) -> None:
        """Answer in plain text, which git shows to the pusher."""
        body = f"penstock: {refused}\n".encode()
        self.close_connection = True  # the request's body is not read
        self.send_response(refused.status)
        if refused.status is HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", 'Basic realm="penstock"')
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: a log of requests is of no use here."""


def main() -> None:
    """Serve until the process is ended."""
    folder, port = sys.argv[1:]
    GitServer(Home(Path(folder)), int(port)).serve_forever()


if __name__ == "__main__":
    main()
