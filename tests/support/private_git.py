"""A git server over https that asks for a token."""

import base64
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from uuid import uuid4

from penstock.embedded.git_server import GitHandler, GitServer, TurnedAwayError
from penstock.embedded.home import Home
from penstock.embedded.repository import local_repositories


@dataclass(frozen=True)
class Certificate:
    """A certificate for 127.0.0.1 that signs itself, with its key in the same file.

    `trusting` is a value for SSL_CERT_DIR: what the machine trusts, and this certificate.
    """

    file: Path
    trusting: str

    @classmethod
    def make(cls, folder: Path) -> "Certificate":
        """A new certificate, in this folder."""
        file, key = folder / "server.pem", folder / "server.key"
        _openssl(
            *[
                *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
                *("-subj", f"/CN=127.0.0.1/serialNumber={uuid4().hex}"),
            ],
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(file)),
        )
        # OpenSSL looks for certificates by the hashes of their names, and takes the first: of two
        # with one name it would trust only that of another test's server.
        known = folder / f"{_openssl('x509', '-noout', '-hash', '-in', str(file)).strip()}.0"
        known.write_text(file.read_text())
        file.write_text(file.read_text() + key.read_text())
        usual = os.environ.get("SSL_CERT_DIR") or ssl.get_default_verify_paths().capath
        return cls(file, f"{usual}:{folder}" if usual else str(folder))


def _openssl(*arguments: str) -> str:
    command = ["openssl", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@dataclass(frozen=True)
class PrivateGit:
    """A running server. `user` and `token` may read all of its repositories, and nobody else."""

    home: Home
    url: str
    user: str
    token: str
    asked: list[str]

    def create(self, name: str) -> tuple[str, str]:
        """An empty repository: where tests push to, and where it is fetched from."""
        folder = self.home.repositories / f"{name}.git"
        subprocess.run(["git", "init", "--quiet", "--bare", str(folder)], check=True)
        allow = ["config", "uploadpack.allowAnySHA1InWant", "true"]
        subprocess.run(["git", "-C", str(folder), *allow], check=True)
        assert name in local_repositories(self.home)
        return folder.as_uri(), f"{self.url}/{name}.git"


@contextmanager
def private_git(
    folder: Path, certificate: Certificate, user: str, token: str
) -> Iterator[PrivateGit]:
    """A server that runs within the context. It records the logins that it was asked with."""
    login = base64.b64encode(f"{user}:{token}".encode()).decode()
    asked: list[str] = []

    class Private(GitHandler):
        def check_sender(self) -> None:
            given = self.headers.get("Authorization", "")
            asked.append(given)
            if given != f"Basic {login}":
                raise TurnedAwayError(HTTPStatus.UNAUTHORIZED, "give a token")

    home = Home(folder / "private")
    home.repositories.mkdir(parents=True)
    server = GitServer(home, 0, Private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.file)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        url = f"https://127.0.0.1:{server.server_address[1]}"
        yield PrivateGit(home, url, user, token, asked)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
