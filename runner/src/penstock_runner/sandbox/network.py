"""Controls the gateway: its process, and the doors of each job's network."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from urllib.parse import urlsplit

from penstock_runner.errors import JobError
from penstock_runner.sandbox.addresses import host_and_port, is_local

PROXY_PORT = 3128
_ANSWER_PATIENCE = 30.0
_PROXY_SETTINGS = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_PLACES = ("INDEX", "REGISTRY", "PROXY", "FIND_LINKS")
"""Parts of the names of variables whose values are package indexes or proxies."""
_PORTS = {"http": 80, "https": 443}


def job_variables() -> dict[str, str]:
    """The variables that make the tools of a job use the gateway."""
    proxy = f"http://127.0.0.1:{PROXY_PORT}"
    names = ("http_proxy", "https_proxy", "all_proxy")
    direct = "127.0.0.1,localhost,::1"
    both = dict.fromkeys(names, proxy) | {"no_proxy": direct}
    return {
        **both,
        **{name.upper(): value for name, value in both.items()},
        # Node's fetch reads the other variables only if this is set.
        "NODE_USE_ENV_PROXY": "1",
    }


def places_in(variables: Mapping[str, str]) -> list[str]:
    """The host:port of every package index and proxy that these variables name."""
    found: dict[str, None] = {}
    for name, value in variables.items():
        if any(part in name.upper() for part in _PLACES) and "NO_PROXY" not in name.upper():
            for place in map(place_of, value.split()):
                if place:
                    found.setdefault(place)
    return list(found)


def place_of(url: str) -> str:
    """The host:port of a URL; empty if it has none."""
    try:
        split = urlsplit(url)
        port = split.port or _PORTS.get(split.scheme.rpartition("+")[2])
    except ValueError:
        return ""
    if not split.hostname or not port:
        return ""
    host = f"[{split.hostname}]" if ":" in split.hostname else split.hostname
    return f"{host}:{port}"


@dataclass
class Network:
    """Opens doors out of the network namespaces of jobs. One process serves all jobs.

    `reaches` are destinations, host:port, that are never refused; `endpoint` is one for
    deployments only. `public_only` refuses all others whose address is not public.
    """

    reaches: Sequence[str] = ()
    endpoint: str = ""
    public_only: bool = False
    helpers: set[int] = field(default_factory=set)
    _process: subprocess.Popen[bytes] | None = None
    _control: socket.socket | None = None
    _lock: Lock = field(default_factory=Lock)

    def enter(self, pid: int, *, deploys: bool) -> None:
        """Open these doors in the namespace of that process, and no others. Raises JobError."""
        self._ask({"enter": pid, "doors": self._doors(deploys=deploys)})

    def leave(self, pid: int) -> None:
        """Close the doors. Does nothing if the gateway has ended."""
        with suppress(JobError, OSError):
            self._ask({"leave": pid})

    def _doors(self, *, deploys: bool) -> dict[str, str]:
        """The destination of each port; empty for the proxy.

        A job has its own loopback, so allowed ports of the machine's get a door at the same port.
        """
        places = [*self.reaches, self.endpoint] if deploys and self.endpoint else self.reaches
        loopback = {str(host_and_port(place)[1]): place for place in places if is_local(place)}
        return {str(PROXY_PORT): "", **loopback}

    def _ask(self, order: Mapping[str, object]) -> None:
        with self._lock:
            try:
                error = self._answer(order)
            except OSError:
                error = self._second_answer(order)
        if error:
            raise JobError(f"the job's network could not be made: {error}")

    def _second_answer(self, order: Mapping[str, object]) -> str:
        try:
            self._restart()
            return self._answer(order)
        except OSError as error:
            return str(error)

    def _answer(self, order: Mapping[str, object]) -> str:
        if self._control is None:
            self._restart()
        assert self._control
        self._control.sendall(json.dumps(order).encode() + b"\n")
        answer = b""
        while not answer.endswith(b"\n"):
            received = self._control.recv(1 << 12)
            if not received:
                raise OSError("the gateway ended")
            answer += received
        return str(json.loads(answer)["error"])

    def _restart(self) -> None:
        self.end()
        ours, theirs = socket.socketpair()
        ours.settimeout(_ANSWER_PATIENCE)
        command = [sys.executable, "-I", "-m", "penstock_runner.sandbox.gateway"]
        self._process = subprocess.Popen(
            [*command, str(theirs.fileno()), self._whom, *self.reaches],
            env=_proxy_settings(),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
        )
        theirs.close()
        self._control = ours
        self.helpers.add(self._process.pid)

    @property
    def _whom(self) -> str:
        return "public" if self.public_only else "any"

    def end(self) -> None:
        """End the gateway's process."""
        if self._control:
            self._control.close()
            self._control = None
        if self._process:
            self._process.kill()
            self._process.wait()
            self.helpers.discard(self._process.pid)
            self._process = None


def _proxy_settings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.lower() in _PROXY_SETTINGS}
