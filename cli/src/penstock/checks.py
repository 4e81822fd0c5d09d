"""The checks of `penstock doctor`. Each says what it found and how to cure it."""

import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from penstock.connection import Connection, connect, embedded
from penstock.embedded import find_home
from penstock.embedded.processes import ProcessBook
from penstock.embedded.runners import name_of
from penstock.errors import CommandError, NoStackError
from penstock.project import EMULATOR_PYTHON, NODE, OSLS, PROJECT_ROOT
from penstock_shared.contracts.change import Trust

OLDEST_PYTHON = (3, 11)
SANDBOX = (sys.executable, "-m", "penstock_runner.sandbox")
LEAST_SPACE = 1
"""GB; the stack, its state and the folders of jobs need about this much."""

_READ_FROM_ABOVE = (
    ".eslintrc.json", ".flake8", ".git", ".mypy.ini", ".ruff.toml", "mypy.ini", "node_modules",
    "package.json", "pyproject.toml", "pytest.ini", "ruff.toml", "setup.cfg", "tox.ini",
    "tsconfig.json",
)  # fmt: skip


class Health(StrEnum):
    """The result of a check."""

    OK = "ok"
    PROBLEM = "problem"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Check:
    """One checked thing. `cure` says what to do about a problem."""

    name: str
    health: Health
    found: str
    cure: str = ""


def checks_of_this_machine() -> Iterator[Check]:
    """Whether this machine has what the embedded stack needs."""
    yield _python()
    yield _command("git", "git", "--version", cure="Install git 2.28 or newer.")
    yield _command("node", str(NODE), "--version", cure="Run `make setup`.")
    yield _file("osls", OSLS)
    yield _file("emulator", EMULATOR_PYTHON)
    yield _loopback()
    yield _space()
    yield _sandbox()


def checks_of_the_stack(home: Path | None) -> Iterator[Check]:
    """Whether the embedded stack of this home works."""
    try:
        connection = embedded(home)
    except NoStackError as error:
        yield Check("stack", Health.SKIPPED, str(error))
        return
    place = find_home(home)
    yield _surroundings(place.work.path)
    book = ProcessBook(place.processes_file, place.logs)
    yield from _processes(book)
    yield from _checks_of(connection, cure="Run `penstock up`: it mends what is broken.")


def checks_of_a_stage(stage: str | None, profile: str | None) -> Iterator[Check]:
    """Whether a stage on AWS works."""
    try:
        connection = connect(stage, profile)
    except CommandError as error:
        yield Check("AWS", Health.PROBLEM, str(error), "docs/deploy-aws.md says how to deploy.")
        return
    yield Check("AWS", Health.OK, connection.name)
    yield from _checks_of(connection, cure="Look at the log of the function `web`.")


def _python() -> Check:
    found = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info >= OLDEST_PYTHON:
        return Check("python", Health.OK, found)
    return Check("python", Health.PROBLEM, found, "Install Python 3.11 or newer, and set PYTHON.")


def _command(name: str, *command: str, cure: str) -> Check:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return Check(name, Health.PROBLEM, f"{command[0]} does not run: {error}", cure)
    return Check(name, Health.OK, done.stdout.strip())


def _file(name: str, path: Path) -> Check:
    if path.exists():
        return Check(name, Health.OK, str(path))
    return Check(name, Health.PROBLEM, f"{path} is not there", "Run `make setup`.")


def _surroundings(folder: Path) -> Check:
    """Whether no folder above the jobs' holds configuration that tools in jobs would read."""
    found = [top / name for top in folder.parents for name in _READ_FROM_ABOVE]
    strangers = [str(path) for path in found if path.exists()]
    if not strangers:
        return Check("job folders", Health.OK, f"{folder}, below nothing that tools would read")
    reason = f"jobs run in {folder}, and tools in them read {', '.join(strangers)}"
    return Check("job folders", Health.PROBLEM, reason, "Remove it, or set TMPDIR and `up` again.")


def _loopback() -> Check:
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            return Check("ports", Health.OK, f"127.0.0.1:{server.getsockname()[1]} can be had")
    except OSError as error:
        cure = "Allow this user to listen on 127.0.0.1."
        return Check("ports", Health.PROBLEM, f"no port on 127.0.0.1: {error}", cure)


def _space() -> Check:
    free = shutil.disk_usage(PROJECT_ROOT).free / 1e9
    found = f"{free:.1f} GB free"
    if free >= LEAST_SPACE:
        return Check("disk", Health.OK, found)
    return Check("disk", Health.PROBLEM, found, "Free some space.")


def _sandbox() -> Check:
    """Whether jobs are kept apart, as the runner finds out when it starts."""
    try:
        done = subprocess.run(SANDBOX, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        return Check("sandbox", Health.PROBLEM, f"could not be tried: {error}", "Run `make setup`.")
    found = "; ".join(done.stdout.split("\n")).strip("; ") or done.stderr.strip()
    if done.returncode == 0:
        return Check("sandbox", Health.OK, found)
    return Check("sandbox", Health.PROBLEM, found, "docs/runner.md says what a sandbox needs.")


def _processes(book: ProcessBook) -> Iterator[Check]:
    alive = book.alive()
    for name in sorted(book.all()):
        if name in alive:
            yield Check(name, Health.OK, f"process {alive[name].pid}")
        else:
            cure = f"Run `penstock up`; {book.logs / name}.log says how it ended."
            yield Check(name, Health.PROBLEM, "its process is gone", cure)
    for trust in Trust:
        if not any(name.startswith(name_of(trust)) for name in alive):
            reason = f"no runner of trust {trust} runs, so no job of that trust will"
            yield Check("runners", Health.PROBLEM, reason, "`penstock up`")


def _checks_of(connection: Connection, cure: str) -> Iterator[Check]:
    answer = _guarded("API", lambda: _answers(connection), cure)
    yield answer
    if answer.health is Health.OK:
        yield _guarded("dead letters", lambda: _dead_letters(connection), cure)


def _guarded(name: str, check: Callable[[], Check], cure: str) -> Check:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return check()
    except (CommandError, BotoCoreError, ClientError) as error:
        return Check(name, Health.PROBLEM, str(error), cure)


def _answers(connection: Connection) -> Check:
    newest = next(iter(connection.api.flows(1)), None)
    what = f"newest flow {newest['flow_id']}" if newest else "no flow yet"
    return Check("API", Health.OK, f"{connection.page_url} answers, {what}")


def _dead_letters(connection: Connection) -> Check:
    sqs = connection.client("sqs")
    prefix = connection.queue_url_prefix.rsplit("/", 1)[-1]
    urls = sqs.list_queues(QueueNamePrefix=prefix).get("QueueUrls", [])
    held = {url: _length(sqs, url) for url in urls if url.endswith("-dlq")}
    full = [f"{url.rsplit('/', 1)[-1]} holds {count}" for url, count in held.items() if count]
    if not full:
        return Check("dead letters", Health.OK, f"none in {len(held)} queues")
    cure = "Their `reason` attribute says why; send them again once that is mended."
    return Check("dead letters", Health.PROBLEM, ", ".join(full), cure)


def _length(sqs: Any, url: str) -> int:
    name = "ApproximateNumberOfMessages"
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])
    return int(answer["Attributes"][name])
