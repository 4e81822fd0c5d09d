"""Follows a flow until it reaches a state: live on a terminal, line by line elsewhere."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from rich.console import Console
from rich.live import Live

from penstock.api import Api
from penstock.errors import CommandError, NotFoundError
from penstock.flows import FINAL, FlowJson, JobJson, PhaseJson, jobs_of, moment, name_of
from penstock.rendering import flow_view
from penstock.terminal import Terminal
from penstock.words import lasted, mark_of, now

EVERY = 0.25
"""Seconds between two polls."""
SILENCE = timedelta(minutes=2)
"""How long to wait for the first news of an environment's rollback."""

Reached = Callable[[FlowJson], bool]


class PatienceError(CommandError):
    """A flow did not reach the awaited state in time."""


def final(flow: FlowJson) -> bool:
    """Whether the flow has ended."""
    return flow["state"] in FINAL


def settled(flow: FlowJson) -> bool:
    """Whether the flow has ended, and no rollback of what it changed is under way any more.

    A rollback that runs no job and brings no news for `SILENCE` is not waited for.
    """
    if not final(flow) or any(job["state"] == "running" for job in jobs_of(flow)):
        return False
    ended = moment(flow["finished_at"]) or now()
    return not flow.get("undoing") or now() - ended > SILENCE


@dataclass(frozen=True)
class Follower:
    """Polls and shows flows. `patience` is in seconds; without it, waiting has no limit."""

    api: Api
    console: Console
    patience: float | None = None
    said: set[tuple[str, str]] = field(default_factory=set)

    def follow(self, flow_id: str, reached: Reached = final) -> FlowJson:
        """Show the flow until `reached` is true of it; returns its state at that time.

        With `patience`, a flow that is not known yet is waited for. Raises PatienceError, and
        NotFoundError for an unknown flow without `patience`.
        """
        show = self._live if self.console.is_terminal else self._lines
        return show(self._looks(flow_id, reached))

    def _live(self, looks: Iterator[FlowJson]) -> FlowJson:
        # No soft wrap: rich miscounts lines that the terminal wraps, and redraws the wrong ones.
        screen = Terminal(file=self.console.file)
        with Live(console=screen, auto_refresh=False) as live:
            for flow in looks:
                live.update(flow_view(flow, now()), refresh=True)
        return flow

    def _lines(self, looks: Iterator[FlowJson]) -> FlowJson:
        for flow in looks:
            for line in lines_of(flow):
                if (flow["flow_id"], line) not in self.said:
                    self.said.add((flow["flow_id"], line))
                    self.console.print(line, soft_wrap=True)
        return flow

    def _looks(self, flow_id: str, reached: Reached) -> Iterator[FlowJson]:
        end = time.monotonic() + (self.patience or float("inf"))
        state = "not known"
        while time.monotonic() < end:
            flow = self._look(flow_id)
            if flow:
                state = flow["state"]
                yield flow
                if reached(flow):
                    return
            time.sleep(EVERY)
        raise PatienceError(f"flow {flow_id} is still {state} after {self.patience:g} s")

    def _look(self, flow_id: str) -> FlowJson | None:
        try:
            return self.api.flow(flow_id)
        except NotFoundError:
            if self.patience is None:
                raise
            return None


def lines_of(flow: FlowJson) -> Iterator[str]:
    """The flow as lines of text. Lines only get more as the flow goes on: print new ones only."""
    for phase in flow["phases"]:
        if phase["started_at"]:
            yield f"● {phase['phase']}"
        for job in phase["jobs"]:
            if job["finished_at"]:
                yield f"    {_ended(name_of(job), job)}"
        if phase["finished_at"]:
            yield f"  {_ended(phase['phase'], phase)}{_because(phase)}"
    for rollback in flow["rollbacks"]:
        yield f"{mark_of('rolled-back')} {rollback['environment']} was rolled back"
    if flow["state"] in FINAL:
        yield f"{mark_of(flow['state'])} {flow['state']}{_because(flow)}"


def _ended(name: str, what: PhaseJson | JobJson) -> str:
    took = lasted(what["started_at"], what["finished_at"], now())
    return f"{mark_of(what['state'])} {name} {what['state']} {took}".rstrip()


def _because(what: PhaseJson | FlowJson) -> str:
    return f": {what['reason']}" if what["reason"] not in {"", what["state"]} else ""
