"""How a flow ended: which of the facts that can end it is the one that did."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from monitor_service.domain.facts import AbortedFact, FailedFact, FlowFacts, Stopped, SupersededFact
from monitor_service.domain.view import FlowState
from penstock_shared.contracts.change import Intent
from penstock_shared.contracts.events import EnvironmentRole, Phase

STOPS: Mapping[type[Stopped], FlowState] = {
    FailedFact: FlowState.FAILED,
    AbortedFact: FlowState.ABORTED,
    SupersededFact: FlowState.SUPERSEDED,
}
GOALS: Mapping[Intent, EnvironmentRole] = {
    Intent.RELEASE: EnvironmentRole.PRODUCTION,
    Intent.PREVIEW: EnvironmentRole.PREVIEW,
}
"""The environment that a flow has succeeded in reaching. A check is done when its gates are."""


@dataclass(frozen=True)
class FlowEnding:
    """The end of a flow. `stop` is the fact that stopped it short of its goal."""

    state: FlowState
    at: datetime
    stop: Stopped | None = None

    @property
    def reason(self) -> str:
        """Why the flow was stopped; empty if it was not."""
        return self.stop.reason if self.stop else ""

    @property
    def by(self) -> str:
        """Who stopped the flow; empty if nobody did."""
        return self.stop.by if self.stop else ""

    @property
    def phase(self) -> Phase | None:
        """The phase that the flow was stopped in, if the one who stopped it said so."""
        return self.stop.phase if self.stop else None


def ending_of(facts: FlowFacts) -> FlowEnding | None:
    """The fact that ended the flow: the earliest that could.

    But an abort outweighs a release's arrival in production. The release service judges aborts,
    and says that there is one only where it undoes what has arrived.
    """
    stops = [FlowEnding(STOPS[type(stop)], stop.at, stop) for stop in facts.stopped]
    aborted = any(ending.state is FlowState.ABORTED for ending in stops)
    release = facts.about is not None and facts.about.intent is Intent.RELEASE
    arrivals = [] if release and aborted else list(_arrivals(facts))
    return min((*stops, *arrivals), key=lambda ending: (ending.at, ending.state), default=None)


def _arrivals(facts: FlowFacts) -> Iterator[FlowEnding]:
    intent = facts.about.intent if facts.about else None
    if intent is Intent.CHECK and facts.tested:
        yield FlowEnding(FlowState.SUCCEEDED, facts.tested.at)
    goal = facts.deployment(GOALS[intent]) if intent and intent in GOALS else None
    if goal:
        yield FlowEnding(FlowState.SUCCEEDED, goal.at)
