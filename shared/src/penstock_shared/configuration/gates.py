"""`gates` in `penstock.yml`: the checks that a change must pass."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from enum import StrEnum
from itertools import product
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from penstock_shared.configuration.fields import (
    LONGEST_PATH,
    Command,
    JobTimeout,
    OutputPath,
    RelativePath,
    SecretVariables,
    Section,
    Variables,
    mistake,
    written,
)
from penstock_shared.configuration.kept import Caches
from penstock_shared.contracts.model import Name
from penstock_shared.contracts.plan import GateReport, ReportKind, gate_label
from penstock_shared.contracts.secrets import VariableName
from penstock_shared.gate_presets import GATE_PRESETS
from penstock_shared.globs import glob_matcher

MOST_VARIANTS = 100
"""The most combinations of one gate's matrix."""
MOST_ARTIFACTS = 20
_MOST_PATTERNS = 100
_LONGEST_VALUE = 100

if TYPE_CHECKING:
    GatePresetName: TypeAlias = str
else:
    GatePresetName = Literal[tuple(GATE_PRESETS)]


class GateScope(StrEnum):
    """Whether a gate runs for each component or once for the repository."""

    COMPONENT = "component"
    REPOSITORY = "repository"


class CoverageSection(Section):
    """The lowest coverage that passes, in percent, and the report to read it from."""

    report: OutputPath = Field(min_length=1)
    minimum: float = Field(ge=0, le=100)


def _as_text(value: Any) -> Any:
    """Whole numbers may stand in a matrix without quotes; 3.10 may not: it is 3.1."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


MatrixValue = Annotated[
    str,
    BeforeValidator(_as_text, json_schema_input_type=str | int),
    Field(min_length=1, max_length=_LONGEST_VALUE),
]
Matrix = Annotated[
    dict[
        VariableName,
        Annotated[tuple[MatrixValue, ...], Field(max_length=MOST_VARIANTS)],
    ],
    Field(max_length=5),
]
Patterns = Annotated[tuple[RelativePath, ...], Field(max_length=_MOST_PATTERNS)]


def _environment(value: Any) -> Any:
    if isinstance(value, dict):
        raise mistake("is the name of an environment; variables are written `env`")
    return value


EnvironmentName = Annotated[Name, BeforeValidator(_environment)]


def _day(value: Any) -> Any:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError as error:
        raise mistake(f"{written(value)} is no day; write it as 2026-12-31") from error


class QuarantineSection(Section):
    """Until when, and by whom, a gate is allowed to fail; the last day still counts."""

    owner: str = Field(min_length=1, max_length=200)
    until: Annotated[date, BeforeValidator(_day)]
    reason: str = Field(default="", max_length=500)

    def holds_on(self, day: date) -> bool:
        """Whether the gate may fail on that day."""
        return day <= self.until

    def words(self) -> str:
        """What people are told of it."""
        why = f": {self.reason}" if self.reason else ""
        return f"in quarantine until {self.until}, by {self.owner}{why}"


class GateSection(Section):
    """A check that must pass."""

    run: Command = ""
    preset: GatePresetName | None = None
    scope: GateScope = GateScope.COMPONENT
    components: tuple[Annotated[str, Field(min_length=1, max_length=LONGEST_PATH)], ...] = Field(
        default=(), max_length=1_000
    )
    timeout: JobTimeout = 600
    retries: int = Field(default=0, ge=0, le=5)
    allow_failure: bool = False
    needs: tuple[Name, ...] = Field(default=(), max_length=200)
    matrix: Matrix = {}
    paths: Patterns = ()
    inputs: Patterns | None = Field(default=None, min_length=1)
    artifacts: tuple[OutputPath, ...] = Field(default=(), max_length=MOST_ARTIFACTS)
    after: Literal["deploy"] | None = None
    environment: EnvironmentName | None = None
    env: Variables = {}
    secrets: SecretVariables = {}
    prepare: bool = True
    cache: Caches = ()
    junit: OutputPath = ""
    coverage: CoverageSection | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.run) == bool(self.preset):
            raise ValueError("give either `run` or `preset`")
        return self

    def command(self) -> str:
        """What a runner executes."""
        return GATE_PRESETS[self.preset].command() if self.preset else self.run

    def reports(self) -> Iterator[GateReport]:
        """The reports that its command leaves: those of its preset, and those that it names."""
        if self.preset:
            yield from GATE_PRESETS[self.preset].reports
        if self.junit:
            yield GateReport(kind=ReportKind.JUNIT, path=self.junit)
        if self.coverage:
            yield GateReport(kind=ReportKind.COBERTURA, path=self.coverage.report)

    def components_among(self, known: Iterable[str]) -> list[str]:
        """The components, of those that are known, that the gate runs for; none if it runs for the
        repository.
        """
        if self.scope is GateScope.REPOSITORY:
            return []
        matchers = [glob_matcher(pattern) for pattern in self.components]
        return [name for name in known if not matchers or any(match(name) for match in matchers)]

    def unknown_components(self, known: Iterable[str]) -> Iterator[tuple[int, str]]:
        """The patterns of components that match none of those that are known, with their place."""
        names = list(known)
        for place, pattern in enumerate(self.components):
            if not any(map(glob_matcher(pattern), names)):
                yield place, pattern

    def variants(self) -> list[Mapping[str, str]]:
        """The variables of each combination of the matrix; one without any if there is none."""
        return [dict(zip(self.matrix, values, strict=True)) for values in self._combinations()]

    def places(self, known: Iterable[str]) -> Sequence[str | None]:
        """The components that it runs for; one None for a gate of the repository."""
        return self.components_among(known) or [None]

    def labels(self, name: str, known: Iterable[str]) -> Iterator[str]:
        """What people call its jobs."""
        for component in self.places(known):
            for variant in self.variants():
                yield gate_label(name, component, ", ".join(variant.values()))

    def count(self, known: Iterable[str]) -> int:
        """The number of its jobs in a flow: one for each component and combination."""
        combinations = 1
        for values in self.matrix.values():
            combinations *= len(values)
        places = 1 if self.scope is GateScope.REPOSITORY else len(self.components_among(known))
        return places * combinations

    def _combinations(self) -> Iterable[tuple[str, ...]]:
        return product(*self.matrix.values())
