"""A Buildbot master and its workers as a subject of the workloads."""

import contextlib
import http.client
import json
import os
import shutil
import sqlite3
import tempfile
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import pushes
from bench.errors import PipelineError
from bench.processes import ServerProcess, free_port, run, wait_until
from bench.pushes import Push

# The Makefile installs it, and does nothing if its lock has not changed.
INSTALLED = ".tools/buildbot/.stamp"
PROGRAMS = Path(".tools/buildbot/bin")
CONFIGURATION = Path(__file__).parent / "master.cfg"
SECRET = "bench"
READY_SECONDS = 60
POLL_SECONDS = 0.005
POLL_BURST_SECONDS = 0.05
SUCCESS = 0  # buildbot.process.results

# Buildbot records the results of a push in its database. Reading them there does not load the
# master, where its REST API would share the thread that does the work.
RECORDED = """
    SELECT sourcestamps.revision, builders.name, builds.results
    FROM builds
    JOIN builders ON builders.id = builds.builderid
    JOIN buildrequests ON buildrequests.id = builds.buildrequestid
    JOIN buildset_sourcestamps ON buildset_sourcestamps.buildsetid = buildrequests.buildsetid
    JOIN sourcestamps ON sourcestamps.id = buildset_sourcestamps.sourcestampid
    WHERE builds.complete_at IS NOT NULL
"""


@dataclass(frozen=True)
class Layout:
    """The layout of the four phases: four builders in a chain, or the steps of one build."""

    name: str
    chained: bool
    workers: int

    @property
    def last_builder(self) -> str:
        """The builder whose build ends the pipeline."""
        return "release" if self.chained else "pipeline"


# The first layout is the fastest, so it has the plain name.
LAYOUTS = (
    Layout("buildbot", chained=False, workers=4),
    Layout("buildbot, 1 worker", chained=False, workers=1),
    Layout("buildbot, chained", chained=True, workers=4),
)


class BuildbotSubject:
    """Buildbot in one layout. A flow's name is the revision that was pushed."""

    def __init__(self, layout: Layout, root: Path) -> None:
        self._layout = layout
        self._root = root
        self._folder = Path(tempfile.mkdtemp(prefix="penstock-bench-buildbot-"))
        self._web_port = free_port()
        self._worker_port = free_port()
        self._servers: list[ServerProcess] = []

    @property
    def name(self) -> str:
        """The layout's name."""
        return self._layout.name

    def start(self) -> None:
        """Create and start the master and its workers, and wait until all are attached."""
        run(["make", "--silent", "-C", self._root, INSTALLED], _without_make(os.environ))
        programs = self._root / PROGRAMS
        self._start_master(programs / "buildbot")
        wait_until(self._answers, READY_SECONDS, "Buildbot's master")
        for number in range(self._layout.workers):
            self._start_worker(programs / "buildbot-worker", number)
        wait_until(self._all_attached, READY_SECONDS, "a Buildbot worker")

    def post_push(self, push: Push) -> str:
        """Post one push to the GitHub hook. The flow is named after its revision."""
        pushes.post(f"{self._url}/change_hook/github", pushes.payload(push), SECRET)
        return push.after

    def wait_finished(self, flows: Sequence[str], seconds: float) -> None:
        """Read the database until every revision's last build is in it."""
        deadline = time.monotonic() + seconds
        pause = POLL_SECONDS if len(flows) == 1 else POLL_BURST_SECONDS
        with contextlib.closing(self._database()) as database:
            while waiting := set(flows) - self._succeeded(database):
                if time.monotonic() > deadline:
                    raise PipelineError(
                        f"{self.name}: {len(waiting)} of {len(flows)} unfinished after {seconds} s"
                    )
                time.sleep(pause)

    def server_pids(self) -> list[int]:
        """Return the master and the workers."""
        return [server.pid for server in self._servers]

    def stop(self) -> None:
        """End the workers, then the master, and remove what they wrote."""
        while self._servers:
            self._servers.pop().stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _url(self) -> str:
        return f"http://127.0.0.1:{self._web_port}"

    def _environment(self) -> dict[str, str]:
        settings = {
            "chained": self._layout.chained,
            "workers": self._layout.workers,
            "web_port": self._web_port,
            "worker_port": self._worker_port,
            "secret": SECRET,
            "password": SECRET,
        }
        return {**os.environ, "PENSTOCK_BENCH_BUILDBOT": json.dumps(settings)}

    def _start_master(self, program: Path) -> None:
        folder = self._folder / "master"
        run(
            [program, "create-master", "--quiet", f"--config={CONFIGURATION}", folder],
            self._environment(),
        )
        self._serve(program, folder)

    def _start_worker(self, program: Path, number: int) -> None:
        folder = self._folder / f"worker-{number}"
        address = f"127.0.0.1:{self._worker_port}"
        run(
            [program, "create-worker", "--quiet", folder, address, folder.name, SECRET],
            self._environment(),
        )
        self._serve(program, folder)

    def _serve(self, program: Path, folder: Path) -> None:
        log = folder / "console.log"
        command = (program, "start", "--nodaemon", folder)
        self._servers.append(ServerProcess(command, log, self._environment()))

    def _answers(self) -> bool:
        return self._attached() is not None

    def _all_attached(self) -> bool:
        return self._attached() == self._layout.workers

    def _attached(self) -> int | None:
        """Return how many workers are attached, or None while the master does not answer."""
        for server in self._servers:
            server.check_alive()
        try:
            with urllib.request.urlopen(f"{self._url}/api/v2/workers", timeout=5) as answer:
                workers = json.load(answer)["workers"]
        except (OSError, http.client.HTTPException):  # it does not listen or answer yet
            return None
        return sum(1 for worker in workers if worker["connected_to"])

    def _database(self) -> sqlite3.Connection:
        path = self._folder / "master" / "state.sqlite"
        return sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=10)

    def _succeeded(self, database: sqlite3.Connection) -> set[str]:
        """Return the revisions whose pipelines are over. Raises PipelineError if one failed."""
        recorded = database.execute(RECORDED).fetchall()
        for revision, builder, results in recorded:
            if results != SUCCESS:
                raise PipelineError(f"{self.name}: {builder} of {revision} ended with {results}")
        return {
            revision for revision, builder, _ in recorded if builder == self._layout.last_builder
        }


def _without_make(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without the variables that `make bench` sets for its own sub-makes."""
    return {name: value for name, value in environment.items() if not name.startswith("MAKE")}
