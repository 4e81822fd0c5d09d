"""Which use case is for which message."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from penstock_shared.contracts.commands import Command
from penstock_shared.contracts.event import EventData
from penstock_shared.decisions import Cause, Outcome

UseCase = Callable[[Any, Cause], Outcome[Any] | None]
"""Takes an event, or a command that somebody published by hand, and its cause."""
MakeUseCase = Callable[[], UseCase]
"""Makes the use case when its first message comes: a cold start imports only what it needs."""


@dataclass(frozen=True)
class Together:
    """A route for events that come in crowds: those of one batch that concern one record are one
    call, and one write. The use case takes a sequence of events, and the cause that the first is.
    """

    use_case: MakeUseCase
    record_of: Callable[[Any], str]
    """The key of the record that an event's data concerns."""


Route = MakeUseCase | Together
Routes = Mapping[type[EventData] | type[Command], Route]


def route_of(routes: Routes, kind: type[EventData] | type[Command]) -> Route | None:
    """The route of a message's type, or of the nearest type that it is a kind of."""
    return next((routes[base] for base in kind.__mro__ if base in routes), None)
