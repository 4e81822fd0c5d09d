"""The plan: what build decided for a flow. Stored in S3; messages only point at it."""

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import Any, Self

from pydantic import Field, model_validator

from penstock_shared.contracts.change import Change, Intent, Trust
from penstock_shared.contracts.drivers import Deploy
from penstock_shared.contracts.model import (
    Contract,
    Env,
    FlowId,
    Moment,
    Name,
    Seconds,
    ShaOrNone,
    Text,
)
from penstock_shared.contracts.secrets import Secrets

JOBS_AT_ONCE = 64
"""The most jobs of a flow that wait or run at the same time, unless its plan says less."""


HOME = "~/"
"""The beginning of the name of a folder in a job's home, in `cache`."""


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


class Preparation(Contract):
    """A command that makes folders which jobs share: a virtual environment, a `node_modules`.

    The command runs in `workdir` and sees only the files that the patterns in `inputs` name. `keep`
    are the folders, relative to `workdir`.
    """

    run: str
    workdir: str = "."
    keep: tuple[str, ...] = Field(min_length=1)
    inputs: tuple[str, ...] = Field(min_length=1)
    env: Env = {}
    timeout: Seconds = 600


class BuildRecipe(Contract):
    """The command that makes a component's artifact, and where it leaves it.

    `key` is the hash over everything that the artifact is made of. Its jobs find the folders that
    are `prepared`, and those that earlier ones left in `cache`: see `Job`.
    """

    key: str = ""
    run: str
    artifact: str = ""
    timeout: Seconds = 600
    env: Env = {}
    secrets: Secrets = {}
    prepared: bool = False
    cache: tuple[str, ...] = ()


class PlannedComponent(Contract):
    """One component: `key` is the hash over everything that is deployed of it.

    `inputs` are patterns of all the files that its jobs see: see `Checkout`. `prepare` makes what
    its jobs share, where that is not what the plan's makes.
    """

    name: Name
    path: str
    inputs: tuple[str, ...] = ()
    key: str
    depends_on: tuple[Name, ...] = ()
    prepare: Preparation | None = None
    build: BuildRecipe | None = None
    artifact: ObjectRef | None = None
    built: bool = False
    reason: str = ""
    deploy: Deploy | None = None


class ReportKind(StrEnum):
    """The format of a report."""

    JUNIT = "junit"
    COBERTURA = "cobertura"


class GateReport(Contract):
    """A file that a gate leaves in its folder, and the format of it."""

    kind: ReportKind
    path: str


class Minimums(Contract):
    """The least that a gate's reports must say for it to pass. `coverage` is the share of lines
    that were run, in percent.
    """

    coverage: float | None = Field(default=None, ge=0, le=100)


class PlannedGate(Contract):
    """One check to run: `key` is the hash over everything that its verdict depends on.

    `paths_key`, if there is one, is such a hash over the gate's own `paths` instead of its inputs:
    a verdict under it counts too. `variant` names the values of its matrix, which are in `env`.
    `needs` are the positions of gates that must have passed before. `inputs` are patterns of the
    files that its job sees, if they are not those of its component, or of the repository. `after`
    is the environment whose deployment it follows. `quarantine` says until when it may fail.
    """

    name: Name
    component: Name | None = None
    variant: Text = ""
    key: str
    paths_key: str = ""
    run: str
    workdir: str = "."
    timeout: Seconds = 600
    retries: int = Field(default=0, ge=0, le=5)
    allow_failure: bool = False
    needs: tuple[int, ...] = ()
    env: Env = {}
    secrets: Secrets = {}
    inputs: tuple[str, ...] | None = None
    reports: tuple[GateReport, ...] = ()
    minimums: Minimums = Minimums()
    artifacts: tuple[str, ...] = ()
    quarantine: Text = ""
    after: Name | None = None
    prepared: bool = False
    cache: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The gate as people name it, for example `unit (orders)` or `unit (orders, 3.13)`."""
        return gate_label(self.name, self.component, self.variant)

    @model_validator(mode="before")
    @classmethod
    def _reports_by_their_own_names(cls, planned: Any) -> Any:
        """Plans from before a gate could have any report name the two that it could have."""
        if not isinstance(planned, dict) or not planned.keys() & {"junit", "coverage"}:
            return planned
        rest = {name: planned[name] for name in planned if name not in {"junit", "coverage"}}
        coverage = planned.get("coverage") or {}
        paths = {
            ReportKind.JUNIT: planned.get("junit"),
            ReportKind.COBERTURA: coverage.get("report"),
        }
        reports = [{"kind": kind, "path": path} for kind, path in paths.items() if path]
        return {**rest, "reports": reports, "minimums": {"coverage": coverage.get("minimum")}}


def gate_label(name: str, component: str | None, variant: str) -> str:
    """A gate as people name it."""
    about = ", ".join(part for part in (component, variant) if part)
    return f"{name} ({about})" if about else name


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
    """Staging, the bake, production. Without `staging` the release goes straight to production.

    `gates_in_staging` says that gates follow the deployment there, before the bake.
    """

    version: str
    staging: PlannedEnvironment | None = None
    production: PlannedEnvironment
    bake: Seconds
    gates_in_staging: bool = False


class Plan(Contract):
    """What a flow will do, complete once the artifacts are known.

    `inputs` has the beginning of the digest of each input of any component, by its pattern; the
    whole tree is `.`. `merge` is the merge commit of a pull request whose files are checked; it is
    empty where the files are those of the change's own commit. With `fail_fast` the first gate that
    fails ends the others.
    """

    flow_id: FlowId
    change: Change
    # Plans from before there was trust count as a lower one.
    trust: Trust = Trust.CHECK
    intent: Intent
    started_at: Moment
    snapshot: ObjectRef
    tree: str
    merge: ShaOrNone = ""
    committed_at: Moment | None = None
    history: History = History.COMMIT
    components: tuple[PlannedComponent, ...]
    gates: tuple[PlannedGate, ...]
    inputs: dict[str, str] = {}
    release: PlannedRelease | None = None
    jobs_at_once: int = Field(default=JOBS_AT_ONCE, ge=1)
    fail_fast: bool = False
    prepare: Preparation | None = None

    @model_validator(mode="after")
    def _only_a_protected_ref_releases(self) -> Self:
        if self.intent is Intent.RELEASE and self.trust is not Trust.RELEASE:
            raise ValueError(f"a flow of trust {self.trust} cannot release")
        return self

    def component(self, name: str) -> PlannedComponent:
        """The component of that name. Raises KeyError when the plan has none."""
        return self.components[self._positions[name]]

    def preparation_for(self, component: str | None) -> Preparation | None:
        """What makes the folders that the jobs of a component, or of the repository, share."""
        own = self.component(component).prepare if component else None
        return own or self.prepare

    @cached_property
    def _positions(self) -> Mapping[str, int]:
        """The number of each component. It is the same in every copy of the plan."""
        return {component.name: number for number, component in enumerate(self.components)}
