"""The mark that a flow was stopped, which running jobs look for."""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

from penstock_shared.contracts.events import FlowStopped
from penstock_shared.decisions import Change, Decision, Record, already_done


class StopState(StrEnum):
    """A mark has one state: it is there."""

    STOPPED = "stopped"


class StopMark(Record):
    """That a flow was stopped, and why."""

    transitions: ClassVar[Mapping[StopState, frozenset[StopState]]] = {
        StopState.STOPPED: frozenset()
    }

    state: StopState = StopState.STOPPED
    reason: str


def stop_key_of(flow_id: str) -> str:
    """Where a flow's mark lies in the jobs table."""
    return f"stop#{flow_id}"


def mark(current: StopMark | None, stopped: FlowStopped) -> Decision[StopMark]:
    """Mark the flow as stopped; the first reason stays."""
    if current:
        return already_done(current.reason)
    by = f" by {stopped.by}" if stopped.by else ""
    return Change(StopMark(reason=f"{stopped.type.replace('-', ' ')}{by}: {stopped.reason}"))
