"""The processes of the runners."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from penstock.embedded.errors import RunnerStartError
from penstock.embedded.home import Home
from penstock.embedded.processes import Process, ProcessBook
from penstock.embedded.stack import Stack
from penstock.packaging.digests import digest_of_folders
from penstock.project import PRESETS_PYTHON, PROJECT_ROOT
from penstock_shared.contracts.change import Trust
from penstock_shared.passing import passed_from

_COMMAND = (sys.executable, "-m", "penstock_runner")
_NAME = "runner-"
_SOURCES = (PROJECT_ROOT / "runner" / "src", PROJECT_ROOT / "shared" / "src")
STOP_PATIENCE = 10.0
# The shell's variables that the runner needs. None of AWS: it would reach the wrong account.
_INHERITED = ("HOME", "LANG", "LC_ALL", "TMPDIR", "USER")


@dataclass(frozen=True)
class Crew:
    """The number of runners of trust `release`, the jobs that each runs at once, and the folders of
    tools that jobs find before the machine's own.

    Beside them is one runner of each lower trust; without any runner there are none of these.
    """

    runners: int
    slots: int
    tools: tuple[Path, ...] = ()
    under_roles: bool = False
    """Whether each assumes the role of its trust. If not, they use the stack's key."""

    def members(self) -> dict[str, Trust]:
        """The trust of each runner, by the name of its process."""
        others = min(self.runners, 1)
        counts = {Trust.RELEASE: self.runners, Trust.CHECK: others, Trust.FORK: others}
        return {
            f"{name_of(trust)}{number}": trust
            for trust, count in counts.items()
            for number in range(1, count + 1)
        }


def name_of(trust: Trust) -> str:
    """The beginning of the names of the processes and logs of a trust's runners."""
    return f"{_NAME}{trust}-"


def ensure_runners(home: Home, book: ProcessBook, stack: Stack, crew: Crew) -> list[str]:
    """Make exactly these runners run. Returns the names of the started ones."""
    wanted = crew.members()
    stop_runners(book, except_for=list(wanted))
    missing = [name for name in wanted if name not in book.alive()]
    if missing:
        home.work.make()
    for name in missing:
        book.start(name, _COMMAND, _environment(home, stack, name, crew))
    return missing


def runners_are_outdated(home: Home, crew: Crew) -> bool:
    """Whether the running runners were started from other code or with other tools.

    Records the current code and tools for the next call.
    """
    stamp = home.folder / "runners.txt"
    now = "\n".join([digest_of_folders(_SOURCES), *map(str, crew.tools)])
    outdated = stamp.is_file() and stamp.read_text() != now
    stamp.write_text(now)
    return outdated


def stop_runners(book: ProcessBook, except_for: Sequence[str] = ()) -> None:
    """Stop the runners; they release their jobs."""
    known = _runners_in(book.all())
    book.stop([name for name in known if name not in except_for], STOP_PATIENCE)


def check_runners(book: ProcessBook) -> None:
    """Raise RunnerStartError, with the end of the log, when a runner has ended."""
    for name, process in _runners_in(book.all()).items():
        if not process.is_alive():
            raise RunnerStartError(
                f"{name} ended at once. The end of its log, {book.logs / name}.log:\n"
                f"{book.last_words(name)}"
            )


def _runners_in(processes: dict[str, Process]) -> dict[str, Process]:
    return {name: process for name, process in processes.items() if name.startswith(_NAME)}


def _environment(home: Home, stack: Stack, name: str, crew: Crew) -> dict[str, str]:
    prefix = f"penstock-{stack.stage}-"
    topic = next(iter(stack.topics.values()))
    queue = next(iter(stack.queues.values()))
    return {
        **_inherited_environment(),
        "ARTIFACT_BUCKET": f"{prefix}artifacts-{stack.account_id}",
        **_keys(stack, name, crew),
        "AWS_REGION": stack.region,
        "AWS_DEFAULT_REGION": stack.region,
        "AWS_ENDPOINT_URL": stack.endpoint_url,
        "JOB_LOG_GROUP": f"/penstock/{stack.stage}/jobs",
        "PENSTOCK_RUNNER_NAME": name,
        "PENSTOCK_RUNNER_PATH": path_of_jobs(crew.tools),
        "PENSTOCK_RUNNER_PRESETS": str(PRESETS_PYTHON),
        "PENSTOCK_RUNNER_SLOTS": str(crew.slots),
        "PENSTOCK_RUNNER_TRUST": crew.members()[name],
        "PENSTOCK_RUNNER_WORKDIR": str(home.work.path),
        "PENSTOCK_STAGE": stack.stage,
        "QUEUE_URL_PREFIX": f"{queue.rpartition('/')[0]}/{prefix}",
        "TABLE_NAME": stack.tables["jobs"],
        "TOPIC_ARN_PREFIX": f"{topic.rpartition(':')[0]}:{prefix}",
    }


def _keys(stack: Stack, name: str, crew: Crew) -> dict[str, str]:
    if not crew.under_roles:
        return {
            "AWS_ACCESS_KEY_ID": stack.access_key_id,
            "AWS_SECRET_ACCESS_KEY": stack.secret_access_key,
        }
    role = f"penstock-runner-{stack.stage}-{crew.members()[name]}"
    arn = f"arn:aws:iam::{stack.account_id}:role/{role}"
    given = stack.client("sts").assume_role(RoleArn=arn, RoleSessionName=name)["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["SessionToken"],
    }


def path_of_jobs(tools: Sequence[Path] = ()) -> str:
    """The PATH of jobs: the given tools, then the shell's PATH without Penstock's own folders."""
    ours = (PROJECT_ROOT, Path(sys.prefix))
    shell = os.environ.get("PATH", os.defpath).split(os.pathsep)
    theirs = [name for name in shell if name and not _is_below(Path(name), ours)]
    return os.pathsep.join([*map(str, tools), *theirs])


def _is_below(folder: Path, tops: Sequence[Path]) -> bool:
    places = (Path(os.path.normpath(folder)), folder.resolve())
    return any(place.is_relative_to(top) for place in places for top in tops)


def _inherited_environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    passed = passed_from(os.environ)
    spellings = [passed[name] for name in ("no_proxy", "NO_PROXY") if passed.get(name)]
    direct = ",".join([*spellings[:1], "127.0.0.1,localhost"])
    # The runner needs no PATH for its own interpreter; this one is for git and the like.
    path = os.environ.get("PATH", os.defpath)
    return {**kept, **passed, "PATH": path, "NO_PROXY": direct, "no_proxy": direct}
