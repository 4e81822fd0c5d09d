"""Facts: what the monitor keeps of an event, and nothing else.

A flow's view is a fold over its facts, so nothing is decided when they are written. Each fact has
a name that only one outcome can have, and of two tellings of one outcome the smaller text is kept:
whatever the order and the number of deliveries, the same facts remain. A fact's text begins with
its time, written with a fixed width, so the smaller text is the earlier telling.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, PlainSerializer, model_validator

from penstock_shared.contracts.change import Forge, Intent
from penstock_shared.contracts.events import DeploymentOutcome, EnvironmentRole, GateProofs, Phase
from penstock_shared.contracts.jobs import JobState
from penstock_shared.contracts.model import Moment
from penstock_shared.contracts.plan import ObjectRef
from penstock_shared.contracts.positions import Positions

FLOW = "flow"
"""The part that holds what is known of the flow as a whole."""
JOB = "job#"
ASKED = "asked#"
COMPONENTS = "components#"
"""Followed by the name of the fact whose components the part holds."""


def fixed_width(moment: datetime) -> str:
    """The moment as ISO 8601 in UTC, always 32 characters, so that texts sort as moments do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


At = Annotated[Moment, PlainSerializer(fixed_width)]


class Body(BaseModel):
    """What is kept under one kind of name; a subclass that names its `kind` can be read back."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)
    kind: ClassVar[str]
    kinds: ClassVar[dict[str, type["Body"]]] = {}

    @classmethod
    def __pydantic_init_subclass__(cls, **given: Any) -> None:
        super().__pydantic_init_subclass__(**given)
        if "kind" in cls.__dict__:
            cls.kinds[cls.kind] = cls


class FactBody(Body):
    """What is kept of one type of event. `at` comes first in its text: see the module's."""

    at: At


class RequestedFact(FactBody):
    """A change should flow."""

    kind: ClassVar = "requested"
    forge: Forge = Forge.GITHUB
    repository: str
    ref: str
    before: str
    sha: str
    author: str = ""
    message: str = ""
    attempt: int = 1
    pull_request: int | None = None
    fork: str = ""
    base: str = ""


class AboutFlow(FactBody):
    """A fact whose event carried what every service needs to know of its flow."""

    forge: Forge = Forge.GITHUB
    repository: str
    ref: str
    sha: str
    intent: Intent
    started_at: At
    plan: ObjectRef


class PlannedFact(AboutFlow):
    """The build is done, and the plan written."""

    kind: ClassVar = "planned"


class TestedFact(AboutFlow):
    """Every gate passed; the verdict of those at `reused_gates` in the plan was known already."""

    kind: ClassVar = "tested"
    reused_gates: tuple[int, ...] = ()


class ProvenFact(FactBody):
    """Gates that need not run, by the earlier flow that proved them, and gates that failed before
    on the same inputs.
    """

    kind: ClassVar = "proven"
    proofs: tuple[GateProofs, ...] = ()
    doubted: Positions = Positions()


class EnvironmentPassedFact(FactBody):
    """The gates that follow the deployment to an environment have passed."""

    kind: ClassVar = "environment-passed"
    environment: str


class ComponentThere(BaseModel):
    """One component in one environment."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    name: str
    version: str = ""
    deployed: bool = False
    reason: str = ""


class EnvironmentFact(FactBody):
    """What an environment runs once something was done to it.

    `components` is empty where they are too many for the flow's own item; a `ComponentsFact` beside
    it has them, and `moved` is how many of them were changed.
    """

    environment: str
    role: EnvironmentRole
    components: tuple[ComponentThere, ...] = ()
    moved: int | None = None


class ComponentsFact(FactBody):
    """The components of an environment that has many."""

    kind: ClassVar = "components"
    outcomes: tuple[DeploymentOutcome, ...]

    def listed(self) -> tuple[ComponentThere, ...]:
        """Each component by itself."""
        return tuple(
            ComponentThere(name=name, version=version, deployed=group.deployed, reason=group.reason)
            for group in self.outcomes
            for name, version in group.versions.items()
        )


class DeployedFact(AboutFlow, EnvironmentFact):
    """An environment runs what the flow wanted it to run."""

    kind: ClassVar = "deployed"
    begun_at: At


class BakingFact(FactBody):
    """The bake began."""

    kind: ClassVar = "baking"
    version: str
    deadline: At


class PromotedFact(AboutFlow):
    """The bake is over."""

    kind: ClassVar = "promoted"
    version: str
    by: str = ""


class StoppingJob(BaseModel):
    """The job that a flow failed of, without its log's tail: the job's own facts have that."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    job_id: str
    owner: str
    position: int | None = None
    name: str
    component: str | None = None
    environment: str | None = None
    state: JobState
    exit_code: int | None = None
    attempt: int = 1
    started_at: At
    finished_at: At
    command: str = ""
    reason: str = ""
    log_stream: str = ""


class Stopped(FactBody):
    """The flow ended before its goal. The subclass says how."""

    phase: Phase | None = None
    reason: str = ""
    by: str = ""
    job: StoppingJob | None = None

    @model_validator(mode="before")
    @classmethod
    def _earlier_name(cls, kept: Any) -> Any:
        """Facts of earlier versions call the phase a stage."""
        if isinstance(kept, dict) and "stage" in kept:
            return {"phase" if name == "stage" else name: value for name, value in kept.items()}
        return kept


class FailedFact(Stopped):
    """Something did not pass."""

    kind: ClassVar = "failed"


class AbortedFact(Stopped):
    """Somebody, or an alarm, stopped it."""

    kind: ClassVar = "aborted"


class SupersededFact(Stopped):
    """A newer change overtook it."""

    kind: ClassVar = "superseded"


class RolledBackFact(EnvironmentFact):
    """An environment is back on what it ran before the flow."""

    kind: ClassVar = "rolled-back"
    reason: str = ""

    @property
    def put_back(self) -> tuple[ComponentThere, ...]:
        """The components that had to be put back; the others were as they should be."""
        return tuple(one for one in self.components if one.deployed)

    @property
    def changed(self) -> bool:
        """Whether anything had to be put back."""
        if self.moved is not None:
            return self.moved > 0
        return bool(self.put_back) or not self.components


class JobBegan(FactBody):
    """An attempt of a job runs; `at` is when it began."""

    kind: ClassVar = "began"
    owner: str
    position: int | None = None
    name: str
    component: str | None = None
    environment: str | None = None
    attempt: int
    log_stream: str = ""


class KeptFile(BaseModel):
    """A file that a job left, and where it is stored."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    name: str
    key: str
    sha256: str
    size: int


class JobEnded(FactBody):
    """An attempt of a job ended; `at` is when."""

    kind: ClassVar = "ended"
    owner: str
    position: int | None = None
    name: str
    component: str | None = None
    environment: str | None = None
    attempt: int
    state: JobState
    exit_code: int | None = None
    began_at: At
    command: str = ""
    tail: str = ""
    reason: str = ""
    log_stream: str = ""
    outputs: tuple[KeptFile, ...] = ()


class AbortAsked(Body):
    """Somebody published an abort. It has no time: what people publish by hand carries none."""

    kind: ClassVar = "abort-asked"

    by: str = ""
    reason: str = ""


F = TypeVar("F", bound=FactBody)


@dataclass(frozen=True)
class Fact:
    """One fact as it is stored: `part` is one of this module's parts, `text` is JSON."""

    part: str
    name: str
    text: str

    @classmethod
    def of(cls, part: str, body: Body, identity: str = "") -> "Fact":
        """The fact that keeps `body`, under a name that only its outcome has."""
        name = f"{body.kind}:{identity}" if identity else body.kind
        return cls(part, name, body.model_dump_json(exclude_defaults=True))

    def body(self) -> Body | None:
        """What is kept; None for a fact of a kind that this version does not know."""
        known = Body.kinds.get(self.name.partition(":")[0])
        return known.model_validate_json(self.text) if known else None


@dataclass(frozen=True)
class Listing:
    """What puts a flow on the list: the indexes' keys."""

    repository: str
    started_at: datetime


@dataclass(frozen=True)
class JobFacts:
    """All that is known of one job."""

    job_id: str
    began: tuple[JobBegan, ...] = ()
    ended: tuple[JobEnded, ...] = ()

    @property
    def newest(self) -> JobBegan | JobEnded:
        """The fact that tells most: the end of the newest attempt, or else its beginning."""
        told: tuple[JobBegan | JobEnded, ...] = (*self.began, *self.ended)
        return max(told, key=lambda fact: (fact.attempt, fact.kind))


@dataclass(frozen=True)
class FlowFacts:
    """All that is known of one flow, by kind, in an order that does not depend on arrival."""

    flow_id: str
    requested: RequestedFact | None = None
    planned: PlannedFact | None = None
    tested: TestedFact | None = None
    proven: ProvenFact | None = None
    verified: EnvironmentPassedFact | None = None
    deployed: tuple[DeployedFact, ...] = ()
    baking: BakingFact | None = None
    promoted: PromotedFact | None = None
    stopped: tuple[Stopped, ...] = ()
    rolled_back: tuple[RolledBackFact, ...] = ()
    jobs: tuple[JobFacts, ...] = ()
    asked: tuple[AbortAsked, ...] = ()

    @property
    def about(self) -> AboutFlow | None:
        """Any fact that carries the flow's intent and plan."""
        known = (self.planned, self.tested, *self.deployed, self.promoted)
        return next((fact for fact in known if fact), None)

    def deployment(self, role: EnvironmentRole) -> DeployedFact | None:
        """The first deployment into the environment of that role."""
        return next((fact for fact in self.deployed if fact.role is role), None)

    def roll_back(self, role: EnvironmentRole) -> RolledBackFact | None:
        """The last time that the environment of that role was put back."""
        found = [fact for fact in self.rolled_back if fact.role is role]
        return found[-1] if found else None


def facts_of(flow_id: str, stored: Iterable[Fact]) -> FlowFacts:
    """Sort stored facts, in whichever order they come, into what is known of the flow."""
    ordered = sorted(stored, key=lambda fact: (fact.part, fact.name, fact.text))
    found = [(fact, body) for fact in ordered if (body := fact.body())]
    lists = {fact.part: body for fact, body in found if isinstance(body, ComponentsFact)}
    bodies = [_whole(fact, body, lists) for fact, body in found]
    return FlowFacts(
        flow_id,
        requested=_first(bodies, RequestedFact),
        planned=_first(bodies, PlannedFact),
        tested=_first(bodies, TestedFact),
        proven=_first(bodies, ProvenFact),
        verified=_first(bodies, EnvironmentPassedFact),
        deployed=_all(bodies, DeployedFact),
        baking=_first(bodies, BakingFact),
        promoted=_first(bodies, PromotedFact),
        stopped=_all(bodies, Stopped),
        rolled_back=_all(bodies, RolledBackFact),
        jobs=_jobs(found),
        asked=tuple(body for body in bodies if isinstance(body, AbortAsked)),
    )


def _whole(fact: Fact, body: Body, lists: Mapping[str, ComponentsFact]) -> Body:
    """The body with the components that are kept in a part of their own."""
    components = lists.get(f"{COMPONENTS}{fact.name}")
    return body.model_copy(update={"components": components.listed()}) if components else body


def _all(bodies: Iterable[Body], kind: type[F]) -> tuple[F, ...]:
    found = (body for body in bodies if isinstance(body, kind))
    return tuple(sorted(found, key=lambda fact: fact.at))


def _first(bodies: Iterable[Body], kind: type[F]) -> F | None:
    return next(iter(_all(bodies, kind)), None)


def _jobs(found: Iterable[tuple[Fact, Body]]) -> tuple[JobFacts, ...]:
    parts: dict[str, list[Body]] = {}
    for fact, body in found:
        if fact.part.startswith(JOB):
            parts.setdefault(fact.part.removeprefix(JOB), []).append(body)
    jobs = (
        JobFacts(job, _all(group, JobBegan), _all(group, JobEnded)) for job, group in parts.items()
    )
    return tuple(jobs)
