"""W3, a real project: a small Python repository, from push to green, beside the same commands in a
shell that keeps its virtual environment and its caches.

Both install the tools from the project's own lock file. Each figure is a ratio to the shell: cold,
with one file changed, and for a push that changes nothing relevant.
"""

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.endings import CHECKED_TOPICS, Endings
from bench.errors import PipelineError, SubjectError
from bench.penstock_subject import PenstockSubject
from bench.pushes import Push, WorkloadRepository
from penstock_shared.passing import passed_from

ROUNDS = 5
"""Pushes for each figure but the cold ones. They and the shell's take turns."""
TESTS = 20
SECONDS = 600.0
POLL_SECONDS = 0.1
LOCK = Path(__file__).resolve().parents[1] / "requirements" / "bench-project.txt"
PREPARE = (
    "python3 -m venv .venv && .venv/bin/pip install --quiet --require-hashes -r requirements.txt"
)
GATES = {"lint": "ruff check .", "types": "mypy .", "unit": "pytest -q"}
CACHES = {"lint": ".ruff_cache", "types": ".mypy_cache", "unit": ".pytest_cache"}
MODULE = '''\
"""Prices of a shop, number {number}."""

import requests


def price(pence: int, quantity: int = {number}) -> int:
    """The price of some of a kind."""
    return pence * quantity


def offer(url: str) -> str:
    """What a server offers."""
    return requests.get(url, timeout=10).text
'''


def _test_module() -> str:
    tests = "".join(
        f"\n\ndef test_price_{number}() -> None:\n    assert price({number}, 2) == {2 * number}\n"
        for number in range(TESTS)
    )
    return f'"""Prices."""\n\nfrom shop import price\n{tests}'


def _configuration() -> str:
    gates = "".join(
        f"  {name}: {{run: {run}, cache: [{CACHES[name]}]}}\n" for name, run in GATES.items()
    )
    return (
        "version: 1\ncomponents:\n  shop: {path: shop}\n"
        f"prepare:\n  run: {PREPARE}\n  keep: [.venv]\n  inputs: [requirements.txt]\n"
        f"gates:\n{gates}"
    )


class SmallRepository(WorkloadRepository):
    """The project. Even commits change its module, odd ones a file that no gate reads."""

    def files(self, number: int) -> Mapping[str, str]:
        """The files that the commit of that number writes: text by path."""
        if number % 2:
            return {"notes.md": f"{number}"}
        module = {"shop/shop.py": MODULE.format(number=number)}
        return module if number else {**module, **_first_files()}


def _first_files() -> Mapping[str, str]:
    return {
        "penstock.yml": _configuration(),
        "requirements.txt": LOCK.read_text(),
        "shop/test_shop.py": _test_module(),
    }


@dataclass(frozen=True)
class SmallProject:
    """Seconds of the shell and of Penstock, in each of the three cases."""

    shell: Mapping[str, float]
    penstock: Mapping[str, float]

    def ratios(self) -> dict[str, float]:
        """Penstock's times as shares of the shell's."""
        return {name: self.penstock[name] / seconds for name, seconds in self.shell.items()}


def small_project(subject: PenstockSubject) -> SmallProject:
    """Run W3 on a running stack that has prepared nothing yet. Raises PipelineError."""
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as folder:
        repository = SmallRepository(Path(folder) / "small.git")
        pushes = repository.pushes(2 + 2 * ROUNDS)
        shell, flows = _Shell(Path(folder), repository), _Flows(subject)
        cold = shell.seconds(0), flows.seconds(pushes[0])
        unchanged = [(shell.seconds(1), flows.seconds(pushes[1]))]
        changed = []
        for number in range(2, len(pushes), 2):
            changed.append((shell.seconds(number), flows.seconds(pushes[number])))
            unchanged.append((shell.seconds(number + 1), flows.seconds(pushes[number + 1])))
    cases = {"w3_cold": [cold], "w3_changed": changed, "w3_unchanged": unchanged}
    return SmallProject(
        shell={name: median(each[0] for each in pairs) for name, pairs in cases.items()},
        penstock={name: median(each[1] for each in pairs) for name, pairs in cases.items()},
    )


@dataclass
class _Shell:
    """A work tree, its virtual environment and its home, as somebody has them at a desk."""

    folder: Path
    repository: SmallRepository

    def seconds(self, number: int) -> float:
        """Seconds of all commands, one after another, at the commit of that number."""
        tree = self.folder / "tree"
        for name, text in self.repository.files(number).items():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_text(text)
        begun = time.perf_counter()
        if not (tree / ".venv").exists():
            self._run(PREPARE, tree)
        for command in GATES.values():
            self._run(f"../.venv/bin/{command}", tree / "shop")
        return time.perf_counter() - begun

    def _run(self, command: str, folder: Path) -> None:
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        environment = {**passed_from(os.environ), "PATH": os.environ["PATH"], "HOME": str(home)}
        done = subprocess.run(
            ["/bin/sh", "-e", "-c", command],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SubjectError(f"shell: {command} failed: {done.stdout}{done.stderr}")


class _Flows:
    """Pushes to a stack, and waits for their verdicts."""

    def __init__(self, subject: PenstockSubject) -> None:
        self._subject = subject
        self._ends = Endings(subject.stack, CHECKED_TOPICS, "penstock-bench-small")

    def seconds(self, push: Push) -> float:
        """Seconds from the push to its verdict."""
        begun = time.perf_counter()
        flow_id = self._subject.post_push(push)
        while not self._ends.has(flow_id):
            if time.perf_counter() - begun > SECONDS:
                raise PipelineError(f"penstock: flow {flow_id} has not ended after {SECONDS} s")
            self._ends.listen(seconds=1)
        seconds = time.perf_counter() - begun
        self._check(flow_id, begun + SECONDS)
        return seconds

    def _check(self, flow_id: str, deadline: float) -> None:
        """Wait until the API shows the flow's end too. Raises PipelineError if it is no success."""
        while (state := self._subject.state_of(flow_id)) in ("", "running"):
            if time.perf_counter() > deadline:
                raise PipelineError(f"penstock: {flow_id} is still {state or 'unknown'}")
            time.sleep(POLL_SECONDS)
        if state != "succeeded":
            raise PipelineError(f"penstock: {flow_id} is {state}, not succeeded")
