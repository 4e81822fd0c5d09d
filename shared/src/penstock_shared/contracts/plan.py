"""The plan: what build decided for a flow. Stored in S3; messages only point at it."""

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import Self

from pydantic import Field, model_validator

from penstock_shared.contracts.change import Change, Intent, Trust
from penstock_shared.contracts.drivers import Deploy
from penstock_shared.contracts.model import Contract, Env, FlowId, Moment, Name, Seconds
from penstock_shared.contracts.secrets import Secrets

JOBS_AT_ONCE = 64
"""The most jobs of a flow that wait or run at the same time, unless its plan says less."""


class ObjectRef(Contract):
    """Where an immutable object lies in the artifact bucket."""

    key: str
    sha256: str = ""
    size: int = 0


class History(StrEnum):
    """How much of its git history a job finds in `.git`."""

    NONE = "none"
    COMMIT = "commit"
    TAGS = "tags"
    FULL = "full"


class BuildRecipe(Contract):
    """The command that makes a component's artifact, and where it leaves it.

    `key` is the hash over everything that the artifact is made of.
    """

    key: str = ""
    run: str
    artifact: str = ""
    timeout: Seconds = 600
    env: Env = {}
    secrets: Secrets = {}


class PlannedComponent(Contract):
    """One component: `key` is the hash over everything that is deployed of it.

    `inputs` are patterns of all the files that its jobs see: see `Checkout`.
    """

    name: Name
    path: str
    inputs: tuple[str, ...] = ()
    key: str
    depends_on: tuple[Name, ...] = ()
    build: BuildRecipe | None = None
    artifact: ObjectRef | None = None
    built: bool = False
    reason: str = ""
    deploy: Deploy | None = None


class Coverage(Contract):
    """A coverage report (Cobertura XML) and the least line rate, in percent, that passes."""

    report: str
    minimum: float = Field(ge=0, le=100)


class PlannedGate(Contract):
    """One check to run: `key` is the hash over everything that its verdict depends on."""

    name: Name
    component: Name | None = None
    key: str
    run: str
    workdir: str = "."
    timeout: Seconds = 600
    retries: int = Field(default=0, ge=0, le=5)
    env: Env = {}
    secrets: Secrets = {}
    junit: str = ""
    coverage: Coverage | None = None

    @property
    def label(self) -> str:
        """The gate as people name it, for example `unit (orders)`."""
        return f"{self.name} ({self.component})" if self.component else self.name


class EnvironmentMode(StrEnum):
    """What happens when two deployments want one environment."""

    QUEUE = "queue"
    SUPERSEDE = "supersede"
    PARALLEL = "parallel"


class PlannedEnvironment(Contract):
    """A place to deploy to; `stage` is the suffix of what is deployed there."""

    name: Name
    stage: Name
    mode: EnvironmentMode = EnvironmentMode.SUPERSEDE


class PlannedRelease(Contract):
    """Staging, the bake, production. Without `staging` the release goes straight to production."""

    version: str
    staging: PlannedEnvironment | None = None
    production: PlannedEnvironment
    bake: Seconds


class Plan(Contract):
    """What a flow will do, complete once the artifacts are known.

    `inputs` has the beginning of the digest of each input of any component, by its pattern; the
    whole tree is `.`.
    """

    flow_id: FlowId
    change: Change
    # Plans from before there was trust count as a lower one.
    trust: Trust = Trust.CHECK
    intent: Intent
    started_at: Moment
    snapshot: ObjectRef
    tree: str
    committed_at: Moment | None = None
    history: History = History.COMMIT
    components: tuple[PlannedComponent, ...]
    gates: tuple[PlannedGate, ...]
    inputs: dict[str, str] = {}
    release: PlannedRelease | None = None
    jobs_at_once: int = Field(default=JOBS_AT_ONCE, ge=1)

    @model_validator(mode="after")
    def _only_a_protected_ref_releases(self) -> Self:
        if self.intent is Intent.RELEASE and self.trust is not Trust.RELEASE:
            raise ValueError(f"a flow of trust {self.trust} cannot release")
        return self

    def component(self, name: str) -> PlannedComponent:
        """The component of that name. Raises KeyError when the plan has none."""
        return self.components[self._positions[name]]

    @cached_property
    def _positions(self) -> Mapping[str, int]:
        """The number of each component. It is the same in every copy of the plan."""
        return {component.name: number for number, component in enumerate(self.components)}
