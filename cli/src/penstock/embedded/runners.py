"""The runners' processes."""

import os
import sys
from collections.abc import Sequence

from penstock.embedded.errors import RunnerError
from penstock.embedded.home import Home
from penstock.embedded.processes import Process, ProcessBook
from penstock.embedded.stack import KEY, Stack
from penstock.packaging.digests import digest_of_folders
from penstock.project import PROJECT_ROOT, VENV_BIN

_COMMAND = (sys.executable, "-m", "penstock_runner")
_NAME = "runner-"
_SOURCES = (PROJECT_ROOT / "runner" / "src", PROJECT_ROOT / "shared" / "src")
STOP_PATIENCE = 10.0
# Of the shell, what a job's own tools may need. Nothing of AWS: it would reach the wrong one.
_INHERITED = (
    "ALL_PROXY", "HOME", "HTTPS_PROXY", "HTTP_PROXY", "LANG", "LC_ALL", "NO_PROXY",
    "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR", "SSL_CERT_FILE", "TERM", "TMPDIR", "TZ", "USER",
)  # fmt: skip
# Each job has its own of these.
_JOBS_OWN = {"HOME", "PATH", "TMPDIR"}
_INHERITED_PREFIXES = ("PIP_", "UV_")


def ensure_runners(
    home: Home, book: ProcessBook, stack: Stack, count: int, slots: int
) -> list[str]:
    """Make exactly `count` runners run. Returns the names of those that were started."""
    wanted = [f"{_NAME}{number}" for number in range(1, count + 1)]
    stop_runners(book, except_for=wanted)
    missing = [name for name in wanted if name not in book.alive()]
    for name in missing:
        book.start(name, _COMMAND, _environment(home, stack, name, slots))
    return missing


def runners_are_outdated(home: Home) -> bool:
    """Whether the runners that may run were started from other code than there is now.

    Remembers the code that there is now as theirs.
    """
    stamp, code = home.runners / "code.txt", digest_of_folders(_SOURCES)
    outdated = stamp.is_file() and stamp.read_text() != code
    stamp.write_text(code)
    return outdated


def stop_runners(book: ProcessBook, except_for: Sequence[str] = ()) -> None:
    """Stop the runners; they give their jobs back."""
    known = _runners_in(book.all())
    book.stop([name for name in known if name not in except_for], STOP_PATIENCE)


def check_runners(book: ProcessBook) -> None:
    """Raises RunnerError, with the end of its log, when a runner has ended."""
    for name, process in _runners_in(book.all()).items():
        if not process.is_alive():
            raise RunnerError(
                f"{name} ended at once. The end of its log, {book.logs / name}.log:\n"
                f"{book.last_words(name)}"
            )


def _runners_in(processes: dict[str, Process]) -> dict[str, Process]:
    return {name: process for name, process in processes.items() if name.startswith(_NAME)}


def _environment(home: Home, stack: Stack, name: str, slots: int) -> dict[str, str]:
    prefix = f"penstock-{stack.stage}-"
    topic = next(iter(stack.topics.values()))
    queue = stack.queues["jobs"]
    inherited = _inherited_environment()
    return {
        **inherited,
        "ARTIFACT_BUCKET": f"{prefix}artifacts-{stack.account_id}",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": KEY,
        "AWS_REGION": stack.region,
        "AWS_DEFAULT_REGION": stack.region,
        "AWS_ENDPOINT_URL": stack.endpoint_url,
        "JOB_LOG_GROUP": f"/penstock/{stack.stage}/jobs",
        "PENSTOCK_RUNNER_NAME": name,
        "PENSTOCK_RUNNER_PASSES": ",".join(sorted(inherited.keys() - _JOBS_OWN)),
        "PENSTOCK_RUNNER_PATH": inherited["PATH"],
        "PENSTOCK_RUNNER_SLOTS": str(slots),
        "PENSTOCK_RUNNER_WORKDIR": str(home.runners),
        "PENSTOCK_STAGE": stack.stage,
        "QUEUE_URL_PREFIX": f"{queue.rpartition('/')[0]}/{prefix}",
        "TABLE_NAME": stack.tables["jobs"],
        "TOPIC_ARN_PREFIX": f"{topic.rpartition(':')[0]}:{prefix}",
    }


def _inherited_environment() -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.upper() in _INHERITED or name.startswith(_INHERITED_PREFIXES)
    }
    # Jobs find this project's own tools, so that the example needs nothing else installed.
    path = f"{VENV_BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    without_proxy = ",".join(filter(None, (kept.get("NO_PROXY"), "127.0.0.1,localhost")))
    return {**kept, "PATH": path, "NO_PROXY": without_proxy, "no_proxy": without_proxy}
