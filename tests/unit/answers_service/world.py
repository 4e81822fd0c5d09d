"""The service in memory, with a forge that remembers what it shows."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from answers_service.domain.answer import AnsweredCommit, Comment, State, Status
from answers_service.domain.flow import AnsweredFlow
from answers_service.domain.place import AnswerPlace
from answers_service.domain.ports import ForgeApi
from answers_service.use_cases.follow_flow import FollowFlow
from answers_service.use_cases.tell import Tell
from penstock_shared.contracts.answers import WriteCredential
from penstock_shared.contracts.change import Intent
from penstock_shared.contracts.event import EventData, make_event
from penstock_shared.contracts.events import BuildCompleted, BuildRequested, FlowRef
from penstock_shared.contracts.plan import Plan
from penstock_shared.persistence.outbox import Records
from penstock_shared.plans import Plans
from penstock_shared.testing.fakes import FakeClock, fake_records
from tests.support.builders import FLOW_ID, NOW, a_cause, a_change, a_flow_ref, a_gate, a_plan
from tests.support.objects import a_bucket

PAGE = "https://page.invalid"
TOKEN = "t0ken"  # of these tests


@dataclass
class FakeForge:
    """A forge that shows what it is told. `before` is called before each call, and may raise."""

    told: list[Status | Comment] = field(default_factory=list)
    comments: dict[str, str] = field(default_factory=dict)
    before: Callable[[Status | Comment], None] = lambda _saying: None

    def show_status(self, target: AnsweredCommit, status: Status, handle: str) -> str:
        """See ForgeApi."""
        self.before(status)
        self.told.append(status)
        return ""

    def show_comment(self, target: AnsweredCommit, comment: Comment, handle: str, mark: str) -> str:
        """See ForgeApi."""
        self.before(comment)
        self.told.append(comment)
        handle = handle or str(len(self.comments) + 1)
        self.comments[handle] = comment.body
        return handle

    def history(self, name: str) -> list[State]:
        """The states that were shown under a name, in order."""
        return [one.state for one in self.told if isinstance(one, Status) and one.name == name]

    def shown(self) -> dict[str, tuple[State, str]]:
        """What a reader of the commit sees."""
        statuses = [one for one in self.told if isinstance(one, Status)]
        return {one.name: (one.state, one.text) for one in statuses}

    def states(self) -> dict[str, State]:
        """The states that a reader of the commit sees."""
        return {name: state for name, (state, _) in self.shown().items()}


@dataclass
class World:
    """The service, its records, and the forge. `has_token` says whether there is a credential."""

    has_token: bool = True
    clock: FakeClock = field(default_factory=FakeClock)
    forge: FakeForge = field(default_factory=FakeForge)

    def __post_init__(self) -> None:
        self.flows: Records[AnsweredFlow] = fake_records(clock=self.clock)
        self.places: Records[AnswerPlace] = fake_records(clock=self.clock)
        self.plans = Plans(a_bucket())

    def follow(self) -> FollowFlow:
        """The use case, as one more container makes it."""
        return FollowFlow(self.flows, self.plans, self, self.api, Tell(self.places, self.clock))

    def of(self, forge: str, repository: str) -> WriteCredential | None:
        """See KnownCredentials."""
        known = WriteCredential(token=TOKEN, api_url="https://api.invalid", page_url=PAGE)
        return known if self.has_token else None

    def api(self, forge: str, credential: WriteCredential) -> ForgeApi | None:
        """See Forges."""
        return self.forge

    def hears(self, *told: EventData, flow_id: str = FLOW_ID) -> None:
        """Let the service handle these events of a flow, one after the other."""
        follow, cause = self.follow(), a_cause(flow_id)
        for data in told:
            event = make_event(
                data,
                flow_id=flow_id,
                source="penstock/test",
                time=NOW,
                traceparent=cause.traceparent,
                hop=1,
            )
            follow(event, cause)

    def planned(self, plan: Plan) -> BuildCompleted:
        """The event that says that this plan is ready."""
        return BuildCompleted(flow=self.ref(plan))

    def ref(self, plan: Plan) -> FlowRef:
        """The reference to the flow of a plan."""
        stored = self.plans.store(plan)
        return a_flow_ref(plan=stored, intent=plan.intent, trust=plan.trust, answered=True)


def requested(**given: Any) -> BuildRequested:
    """The event that a change was pushed."""
    return BuildRequested(change=a_change(answered=True, **given))


def a_checked_plan(gates: Iterable[str] = ("unit", "lint"), **given: Any) -> Plan:
    """The plan of a check with these gates of the component orders. `given` is of its change."""
    return a_plan(
        change=a_change(answered=True, **given),
        intent=Intent.CHECK,
        release=None,
        gates=tuple(a_gate(name) for name in gates),
    )
