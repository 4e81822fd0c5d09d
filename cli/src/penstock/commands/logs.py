"""`penstock logs`: print the logs of a flow's jobs."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from penstock.api import Api
from penstock.commands.options import (
    FlowArgument,
    HomeOption,
    JsonOption,
    ProfileOption,
    StageOption,
)
from penstock.commands.output import console, print_json, say
from penstock.connection import connect
from penstock.errors import NotFoundError, UsageError
from penstock.flows import FINAL, FlowJson, JobJson, LineJson, jobs_of, name_of
from penstock_shared.printable import readable

EVERY = 0.4
"""Seconds between two polls."""


def logs(
    flow: FlowArgument,
    *,
    job: Annotated[
        str | None,
        typer.Option(
            help="Only this job's: its name (unit), with or without its component "
            "('unit (orders)'), or its id."
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on until the flow has ended.")
    ] = False,
    as_json: JsonOption = False,
    stage: StageOption = None,
    profile: ProfileOption = None,
    home: HomeOption = None,
) -> None:
    """Print the logs of a flow's jobs."""
    if follow and as_json:
        raise UsageError("--follow is for people and --json for programs: give one of them")
    connection = connect(stage, profile, home)
    reader = _Reader(connection.api, job)
    found = reader.api.find(flow)
    if not as_json:
        say(connection.flow_url(found["flow_id"]), "dim", stderr=True)
    if follow:
        _follow(reader, found, console())
        return
    jobs = reader.jobs(found)
    if job and not jobs:
        raise NotFoundError(f"flow {found['flow_id']} has no job {job} that has begun")
    if not jobs and not as_json:
        console().print(_nothing(found))
    if as_json:
        print_json([_as_json(one, reader.all_lines(found, one)) for one in jobs])
    else:
        for one in jobs:
            _print(console(), one, list(reader.all_lines(found, one)), heading=len(jobs) > 1)


@dataclass
class _Reader:
    """Reads logs of jobs; each read continues where the one before ended."""

    api: Api
    wanted: str | None
    read_up_to: dict[str, str] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)

    def jobs(self, flow: FlowJson) -> list[JobJson]:
        """The wanted jobs that have begun."""
        return [job for job in jobs_of(flow) if job["job_id"] and _is(job, self.wanted)]

    def new_lines(self, flow: FlowJson, job: JobJson) -> list[LineJson]:
        """What the job has printed since the last read."""
        job_id = job["job_id"] or ""
        if job_id in self.done:
            return []
        log = self.api.log(flow["flow_id"], job_id, self.read_up_to.get(job_id))
        self.read_up_to[job_id] = log["next"]
        if not log["more"]:
            self.done.add(job_id)
        return log["lines"]

    def all_lines(self, flow: FlowJson, job: JobJson) -> Iterator[LineJson]:
        """Everything that the job has printed so far."""
        while True:
            before = self.read_up_to.get(job["job_id"] or "")
            yield from self.new_lines(flow, job)
            if self.read_up_to.get(job["job_id"] or "") == before or job["job_id"] in self.done:
                return


def _nothing(flow: FlowJson) -> str:
    """Why there is no log."""
    known = sum(len(phase["reused"]) for phase in flow["phases"])
    if known:
        return f"No job ran: everything was known already, {known:,} verdicts of gates among it."
    if flow["state"] in FINAL:
        why = f": {flow['reason']}" if flow["reason"] else ""
        return f"No job ran. The flow {flow['state']}{why}"
    return "No job has begun yet; --follow waits for the first."


def _is(job: JobJson, wanted: str | None) -> bool:
    return wanted is None or wanted in {job["name"], name_of(job), job["job_id"]}


def _as_json(job: JobJson, lines: Iterator[LineJson]) -> dict[str, object]:
    known = {key: job[key] for key in ("job_id", "name", "component", "state", "exit_code")}
    return {**known, "lines": list(lines)}


def _print(out: Console, job: JobJson, lines: list[LineJson], *, heading: bool) -> None:
    if heading:
        out.print(Text(f"── {name_of(job)} {job['state']}", "bold"))
    for line in lines:
        out.print(_coloured(line))
    if not lines and job["reason"]:
        out.print(Text(readable(job["reason"])))


def _coloured(line: LineJson) -> Text:
    return Text.from_ansi(readable(line["text"]))


def _follow(reader: _Reader, flow: FlowJson, out: Console) -> None:
    """Print lines as they come, each after the name of its job, until the flow has ended."""
    while True:
        came = False
        for job in reader.jobs(flow):
            for line in reader.new_lines(flow, job):
                came = True
                out.print(Text(f"{name_of(job)} │ ", "dim").append(_coloured(line)))
        if flow["state"] in FINAL and not came:
            return
        if not came:
            time.sleep(EVERY)
        flow = reader.api.flow(flow["flow_id"])
