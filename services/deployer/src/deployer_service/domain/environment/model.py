"""The record of one environment.

An environment has one writer at a time, its holder. Each time it changes hands its token grows, so
that whoever held it before and wakes up late can be told from who holds it now. In `parallel`
mode nobody holds it; then this record only remembers what runs.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

from deployer_service.domain.environment.history import Place
from penstock_shared.contracts.model import Contract, Moment
from penstock_shared.contracts.plan import EnvironmentMode
from penstock_shared.decisions import Record


class EnvironmentState(StrEnum):
    """Whether somebody may change the environment now."""

    FREE = "free"
    HELD = "held"


class Claim(Contract):
    """A deployment that wants the environment, or has it. A rollback goes before all others."""

    deployment_id: str
    flow_id: str
    started_at: Moment
    rollback: bool = False


class Environment(Record):
    """One environment of one repository."""

    transitions: ClassVar[Mapping[EnvironmentState, frozenset[EnvironmentState]]] = {
        EnvironmentState.FREE: frozenset({EnvironmentState.HELD}),
        EnvironmentState.HELD: frozenset({EnvironmentState.FREE}),
    }

    state: EnvironmentState = EnvironmentState.FREE
    key: str
    mode: EnvironmentMode = EnvironmentMode.SUPERSEDE
    token: int = 0
    holder: Claim | None = None
    waiting: tuple[Claim, ...] = ()
    newest: Claim | None = None
    components: dict[str, Place] = {}
    settled: tuple[str, ...] = ()

    def place(self, component: str) -> Place:
        """What runs of a component; an empty place when it was never deployed here."""
        return self.components.get(component, Place())

    def held_by(self, deployment_id: str) -> bool:
        """Whether this deployment is the holder."""
        return self.holder is not None and self.holder.deployment_id == deployment_id

    def awaited_by(self, deployment_id: str) -> bool:
        """Whether this deployment stands in line."""
        return any(claim.deployment_id == deployment_id for claim in self.waiting)

    def with_places(self, places: Mapping[str, Place]) -> "Environment":
        """The environment running these."""
        return self.model_copy(update={"components": self.components | dict(places)})


class Standing(StrEnum):
    """How a deployment that wants an environment stands with it."""

    GRANTED = "granted"
    IN_LINE = "in-line"
    RETIRED = "retired"


def environment_key(forge: str, repository: str, name: str) -> str:
    """The key of an environment's record."""
    return f"environment#{forge}/{repository}#{name}"


def standing_of(environment: Environment, deployment_id: str) -> Standing:
    """How this deployment, which has claimed the environment, stands with it now."""
    if environment.held_by(deployment_id):
        return Standing.GRANTED
    return Standing.IN_LINE if environment.awaited_by(deployment_id) else Standing.RETIRED
