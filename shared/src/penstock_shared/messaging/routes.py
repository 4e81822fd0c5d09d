"""Routes: the use case for each type of message."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from penstock_shared.contracts.commands import FlowCommand
from penstock_shared.contracts.event import EventData
from penstock_shared.decisions import Cause, Outcome

UseCase = Callable[[Any, Cause], Outcome[Any] | None]
"""Called with an event or a command, and its cause."""
MakeUseCase = Callable[[], UseCase]
"""Makes the use case for the first such message: a cold start imports only what it needs."""


@dataclass(frozen=True)
class Together:
    """A route for frequent events: those of one batch that concern one record are handled by one
    call with one write. The use case takes a sequence of events, and the first one as the cause.
    """

    use_case: MakeUseCase
    record_of: Callable[[Any], str]
    """The key of the record that the data of an event concerns."""


Route = MakeUseCase | Together
Routes = Mapping[type[EventData] | type[FlowCommand], Route]


def route_of(routes: Routes, kind: type[EventData] | type[FlowCommand]) -> Route | None:
    """The route of a message's type, or of its nearest base type."""
    return next((routes[base] for base in kind.__mro__ if base in routes), None)
