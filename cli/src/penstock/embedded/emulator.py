"""The emulator's process: one per home, on the same port as before if it is free."""

import os
from collections.abc import Mapping
from pathlib import Path

from penstock.embedded.direct import open_directly
from penstock.embedded.errors import EmulatorError
from penstock.embedded.home import Home
from penstock.embedded.key import key_of, made_key
from penstock.embedded.ports import HOST, keep_port
from penstock.embedded.processes import ProcessBook
from penstock.embedded.stack import ACCOUNT_ID, REGION, Endpoint
from penstock.embedded.waiting import wait_until
from penstock.project import EMULATOR_PYTHON

NAME = "emulator"
_LAUNCHER = Path(__file__).parents[1] / "emulation" / "__main__.py"
_PATIENCE = 60.0
_PATIENCE_TO_STOP = 30.0
_INHERITED = (
    *("LANG", "LC_ALL", "PATH", "PENSTOCK_COUNT_CALLS", "TZ"),
    # Source is fetched from servers whose certificates this machine trusts.
    *("SSL_CERT_DIR", "SSL_CERT_FILE"),
)


def ensure_emulator(
    home: Home, book: ProcessBook, *, enforce_iam: bool = False
) -> tuple[Endpoint, bool]:
    """Make the emulator run; returns where it is and if it was started. Raises EmulatorError.

    One that runs without a key is of an earlier version, and is replaced. `enforce_iam` makes one
    that is started refuse what roles do not allow.
    """
    key = key_of(home)
    if key and NAME in book.alive() and home.port_file.is_file():
        return Endpoint(_address(int(home.port_file.read_text())), key), False
    book.stop([NAME], _PATIENCE_TO_STOP)
    key = key or made_key(home)
    variables = {"AUTH": "true"} if enforce_iam else {}
    return Endpoint(_start(home, book, key, variables), key), True


def _start(home: Home, book: ProcessBook, key: str, variables: Mapping[str, str]) -> str:
    if not EMULATOR_PYTHON.exists():
        raise EmulatorError(f"There is no emulator at {EMULATOR_PYTHON}. Run `make setup`.")
    port = keep_port(home.port_file)
    command = [str(EMULATOR_PYTHON), str(_LAUNCHER), str(home.emulator)]
    environment = {**emulator_environment(home, port, key), **variables}
    process = book.start(NAME, command, environment)
    address = _address(port)
    wait_until(lambda: _is_ready(address) or not process.is_alive(), _PATIENCE)
    if not (process.is_alive() and _is_ready(address)):
        raise EmulatorError(
            f"The emulator did not come up on port {port}. The end of its log, "
            f"{home.logs / NAME}.log:\n{book.last_words(NAME)}"
        )
    return address


def emulator_environment(home: Home, port: int, key: str) -> dict[str, str]:
    """The whole environment of the emulator: functions inherit all of it."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {
        **inherited,
        "AWS_ACCESS_KEY_ID": ACCOUNT_ID,
        "AWS_ENDPOINT_URL": _address(port),
        "AWS_SECRET_ACCESS_KEY": key,
        "BIND_HOST": HOST,
        # Points nowhere: with a Docker, the emulator would look for its containers and remove them.
        "DOCKER_HOST": f"unix://{home.emulator}/no-docker",
        "GATEWAY_PORT": str(port),
        "HOME": str(home.emulator),
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        "MINISTACK_ACCOUNT_ID": ACCOUNT_ID,
        "MINISTACK_REGION": REGION,
        "PERSIST_STATE": "1",
        "S3_DATA_DIR": str(home.emulator / "objects"),
        "S3_PERSIST": "1",
        "SFTP_ENABLED": "0",
        "STATE_DIR": str(home.emulator),
        "TMPDIR": str(home.emulator / "tmp"),
    }


def _address(port: int) -> str:
    return f"http://{HOST}:{port}"


def _is_ready(address: str) -> bool:
    try:
        with open_directly(f"{address}/_ministack/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
