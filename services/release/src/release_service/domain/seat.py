"""The seat in staging: one release at a time bakes there, and a newer one takes its seat."""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

from penstock_shared.decisions import Decision, Record, Write, already_done, stale


class SeatState(StrEnum):
    """A seat is always taken: its record is written by the first release that takes it."""

    TAKEN = "taken"


class Seat(Record):
    """The flow that bakes in one environment. `token` is the fencing token of its deployment, so
    that a late message of an older deployment is recognised.
    """

    transitions: ClassVar[Mapping[SeatState, frozenset[SeatState]]] = {
        SeatState.TAKEN: frozenset({SeatState.TAKEN}),
    }

    state: SeatState = SeatState.TAKEN
    flow_id: str
    token: int
    previous: str = ""


def seat_key(forge: str, repository: str, environment: str) -> str:
    """The key of an environment's seat."""
    return f"seat#{forge}/{repository}#{environment}"


def take(seat: Seat | None, flow_id: str, token: int) -> Decision[Seat]:
    """Take the seat, unless a newer deployment has it."""
    if seat is None:
        return Write(Seat(flow_id=flow_id, token=token))
    if seat.flow_id == flow_id:
        return already_done("it sits there")
    if seat.token > token:
        return stale(f"flow {seat.flow_id} came later")
    return Write(Seat(flow_id=flow_id, token=token, previous=seat.flow_id))
