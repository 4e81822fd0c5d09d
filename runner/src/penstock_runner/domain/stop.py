"""The mark of a stopped flow, which runners with its jobs read."""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

from penstock_shared.contracts.events import FlowStopped
from penstock_shared.decisions import Decision, Record, Write, already_done


class StopState(StrEnum):
    """The only state of a mark."""

    STOPPED = "stopped"


class StopMark(Record):
    """A flow was stopped, with the reason."""

    transitions: ClassVar[Mapping[StopState, frozenset[StopState]]] = {
        StopState.STOPPED: frozenset()
    }

    state: StopState = StopState.STOPPED
    reason: str


def stop_key_of(flow_id: str) -> str:
    """The key of a flow's mark in the jobs table."""
    return f"stop#{flow_id}"


def mark(current: StopMark | None, stopped: FlowStopped) -> Decision[StopMark]:
    """Mark the flow as stopped; the first reason stays."""
    if current:
        return already_done(current.reason)
    by = f" by {stopped.by}" if stopped.by else ""
    return Write(StopMark(reason=f"{stopped.type.replace('-', ' ')}{by}: {stopped.reason}"))
