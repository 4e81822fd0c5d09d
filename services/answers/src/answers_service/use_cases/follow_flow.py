"""An event of a flow came: remember what it says, and tell the forge how the flow stands now."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from answers_service.domain import flow as flows
from answers_service.domain.answer import AnsweredCommit, Comment, Status
from answers_service.domain.errors import NotToldError
from answers_service.domain.flow import AnsweredFlow
from answers_service.domain.place import (
    WantedSaying,
    commit_key,
    pull_request_key,
    sayings,
)
from answers_service.domain.ports import Forges, KnownCredentials
from answers_service.domain.wording import comment_of, statuses_of
from answers_service.use_cases.tell import Tell
from penstock_shared.contracts.event import Event, EventData
from penstock_shared.contracts.events import (
    BuildCompleted,
    BuildRequested,
    DeployDone,
    FlowStopped,
    GatesJudged,
    TestsPassed,
)
from penstock_shared.decisions import Cause, Decision, Outcome
from penstock_shared.persistence.outbox import Records
from penstock_shared.plans import Plans

Decide = Callable[[AnsweredFlow | None], Decision[AnsweredFlow]]


@dataclass(frozen=True)
class FollowFlow:
    """Tells the forge of a flow what its events come to. The flow itself waits for none of this."""

    records: Records[AnsweredFlow]
    plans: Plans
    credentials: KnownCredentials
    forges: Forges
    tell: Tell

    def __call__(self, event: Event[EventData], cause: Cause) -> Outcome[AnsweredFlow]:
        """Remember the event, and return once the forge was told.

        Raises TellLaterError and NotToldError: see Tell. An event that was remembered already, and
        not told, is told when it comes again.
        """
        decide = self._decision(event)
        # The first event of a flow, or the only one of a flow that is not answered.
        expect_new = isinstance(event.data, BuildRequested | FlowStopped)
        outcome = self.records.change(event.subject, cause, decide, expect_new=expect_new)
        if outcome.record and outcome.record.target:
            self._tell_of(outcome.record, outcome.record.target, cause)
        return outcome

    def _decision(self, event: Event[EventData]) -> Decide:
        flow_id, data = event.subject, event.data
        match data:
            case BuildRequested():
                return lambda known: flows.requested(flow_id, known, data.change)
            case BuildCompleted():
                plan = self.plans.load(data.flow.plan)
                return lambda known: flows.planned(flow_id, known, plan)
            case GatesJudged():
                return lambda known: flows.judged(flow_id, known, data)
            case TestsPassed():
                return lambda known: flows.tested(flow_id, known, data.reused)
            case DeployDone():
                return lambda known: flows.deployed(flow_id, known, data)
            case FlowStopped():
                return lambda known: flows.stopped(flow_id, known, data)
        raise TypeError(f"nothing is answered to {data.type}")

    def _tell_of(self, flow: AnsweredFlow, target: AnsweredCommit, cause: Cause) -> None:
        """Tell both places, the second also if the forge refuses the first."""
        credential = self.credentials.of(target.forge, target.repository)
        api = self.forges(target.forge, credential) if credential else None
        if credential is None or api is None:
            return
        refusal: NotToldError | None = None
        for key, said in _places(flow, target, credential.page_url):
            wanted = sayings(_wanted(flow, said))
            try:
                self.tell(key, target, wanted, api, cause)
            except NotToldError as error:
                refusal = refusal or error
        if refusal:
            raise refusal


def _places(
    flow: AnsweredFlow, target: AnsweredCommit, page_url: str
) -> Iterator[tuple[str, list[Status | Comment]]]:
    yield commit_key(target), [*statuses_of(flow, page_url)]
    comment = comment_of(flow, page_url)
    if comment:
        yield pull_request_key(target), [comment]


def _wanted(flow: AnsweredFlow, said: list[Status | Comment]) -> Iterator[WantedSaying]:
    if flow.order is None:
        return
    for saying in said:
        yield WantedSaying(
            saying=saying, order=flow.order, flow_id=flow.flow_id, progress=flow.progress
        )
