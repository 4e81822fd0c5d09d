"""The model of `penstock.yml`, version 1."""

import re
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from penstock_shared.configuration.wording import alternatives, did_you_mean, quoted
from penstock_shared.contracts.change import Intent
from penstock_shared.contracts.model import Name
from penstock_shared.contracts.plan import (
    CommandDeploy,
    Coverage,
    EnvironmentMode,
    History,
    LambdaDeploy,
)
from penstock_shared.globs import glob_matcher, is_glob

MOST_COMPONENTS = 1_000
MOST_GATES = 200
MOST_ENVIRONMENTS = 20
_LONGEST_COMMAND = 16 * 1024
_LONGEST_VALUE = 4 * 1024
_LONGEST_PATH = 1_000
"""Characters; what is longer belongs into a file of the repository."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST_JOB = 12 * 3600
_LONGEST_BAKE = 30 * 86400


def _mistake(message: str) -> PydanticCustomError:
    return PydanticCustomError("mistake", "{message}", {"message": message})


def _duration(value: Any) -> int:
    """Seconds. A number is one of seconds already."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = re.fullmatch(r"([0-9]{1,9}) ?([smhd]?)", value.strip()) if _is_text(value) else None
    if not match:
        raise _mistake(f"{_written(value)} is not a duration; write 30s, 15m, 2h or 1d")
    return int(match[1]) * _UNITS[match[2] or "s"]


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _written(value: Any) -> str:
    """A value as the file has it, as near as a message needs it."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a section"
    return quoted(str(value).lower() if isinstance(value, bool) else value)


def _inside(path: Any) -> str:
    if not isinstance(path, str):
        raise _mistake(f"{_written(path)} is not a path; a path is text")
    parts = path.split("/")
    if path.startswith("/") or ".." in parts or "\\" in path or not path.strip():
        raise _mistake(f"{quoted(path)} must be a relative path inside the repository")
    return "/".join(part for part in parts if part not in ("", ".")) or "."


def _file(path: Any) -> str:
    """One file that a job leaves behind. Empty text names none."""
    if path == "":
        return ""
    inside = _inside(path)
    if is_glob(inside):
        raise _mistake(f"{quoted(inside)} must name one file; patterns are not filled in here")
    if inside == "." or path.endswith("/"):
        raise _mistake(f"{quoted(path)} is a folder; name the one file that the job leaves")
    if any(part.startswith(".penstock") for part in inside.split("/")):
        raise _mistake(f"{quoted(inside)}: names that begin with .penstock are Penstock's own")
    return inside


def _runtime(value: Any) -> Any:
    if isinstance(value, str) and not _RUNTIME.fullmatch(value):
        raise _mistake(
            f"{quoted(value)} is no runtime of Lambda"
            f"{did_you_mean(value, _RUNTIMES) or f'; there are {alternatives(_RUNTIMES)}'}"
        )
    return value


def _intent(value: Any) -> Any:
    if value not in _INTENTS:
        raise _mistake(f"must be {alternatives(map(repr, _INTENTS))}, not {_written(value)}")
    return value


_RUNTIMES = ("python3.13", "nodejs22.x", "java21", "dotnet8", "ruby3.4", "provided.al2023")
_RUNTIME = re.compile(
    r"python3\.[0-9]{1,2}|nodejs[0-9]{2}\.x|java[0-9]{1,2}(\.al2)?|dotnet[0-9]{1,2}"
    r"|ruby[0-9]\.[0-9]|provided\.al[0-9]{1,4}"
)
"""https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html, and those that will follow."""
_INTENTS = ("check", "release")

Duration = Annotated[int, BeforeValidator(_duration), Field(ge=0)]
JobTimeout = Annotated[int, BeforeValidator(_duration), Field(ge=1, le=_LONGEST_JOB)]
RelativePath = Annotated[str, BeforeValidator(_inside), Field(max_length=_LONGEST_PATH)]
OutputPath = Annotated[str, BeforeValidator(_file), Field(max_length=_LONGEST_PATH)]
Command = Annotated[str, Field(max_length=_LONGEST_COMMAND)]
VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
Variables = Annotated[
    dict[VariableName, Annotated[str, Field(max_length=_LONGEST_VALUE)]], Field(max_length=100)
]


class Section(BaseModel):
    """A part of the file. Keys that it does not know are mistakes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class BuildSection(Section):
    """How a component's artifact is made: by a command, or by a preset."""

    run: Command = ""
    artifact: OutputPath = ""
    preset: Literal["python-lambda"] | None = None
    include: tuple[RelativePath, ...] = ()
    timeout: JobTimeout = 600
    environment: Variables = {}

    @model_validator(mode="after")
    def _one_way(self) -> "BuildSection":
        if bool(self.run) == bool(self.preset):
            raise ValueError("give either `run` or `preset`")
        if self.preset and self.artifact:
            raise ValueError("a preset names its artifact itself; leave `artifact` out")
        if self.include and not self.preset:
            raise ValueError("`include` goes with a preset")
        return self


class LambdaDeploySection(LambdaDeploy, Section):
    """Deploy as a Lambda function."""

    runtime: Annotated[str, BeforeValidator(_runtime)] = "python3.13"
    environment: Variables = {}


class CommandDeploySection(CommandDeploy, Section):
    """Deploy by a command."""

    run: Annotated[str, Field(min_length=1, max_length=_LONGEST_COMMAND)]
    rollback: Command = ""
    timeout: JobTimeout = 600


class ComponentSection(Section):
    """One deployable unit."""

    path: RelativePath = "."
    watch: tuple[RelativePath, ...] = Field(default=(), max_length=100)
    depends_on: tuple[Name, ...] = Field(default=(), max_length=MOST_COMPONENTS)
    build: BuildSection | None = None
    deploy: LambdaDeploySection | CommandDeploySection | None = Field(
        default=None, discriminator="driver"
    )


class GateScope(StrEnum):
    """Whether a gate runs once for each component, or once."""

    COMPONENT = "component"
    REPOSITORY = "repository"


class CoverageSection(Coverage, Section):
    """The least coverage that passes, and the report that tells it."""

    report: OutputPath = Field(min_length=1)


class GateSection(Section):
    """A check that must pass."""

    run: str = Field(min_length=1, max_length=_LONGEST_COMMAND)
    scope: GateScope = GateScope.COMPONENT
    timeout: JobTimeout = 600
    retries: int = Field(default=0, ge=0, le=5)
    environment: Variables = {}
    junit: OutputPath = ""
    coverage: CoverageSection | None = None


class EnvironmentSection(Section):
    """A place to deploy to."""

    stage: Name | None = None
    mode: EnvironmentMode = EnvironmentMode.SUPERSEDE


class ReleaseSection(Section):
    """From where, to where, and how long it bakes in between."""

    from_: Name | None = Field(default=None, alias="from")
    to: Name = "production"
    bake: Annotated[int, BeforeValidator(_duration), Field(ge=0, le=_LONGEST_BAKE)] = 2 * 3600


class Configuration(Section):
    """The whole file."""

    version: Literal[1]
    components: dict[Name, ComponentSection] = Field(min_length=1, max_length=MOST_COMPONENTS)
    gates: dict[Name, GateSection] = Field(default={}, max_length=MOST_GATES)
    environments: dict[Name, EnvironmentSection] = Field(default={}, max_length=MOST_ENVIRONMENTS)
    release: ReleaseSection | None = None
    history: History = History.COMMIT
    branches: dict[
        Annotated[str, Field(min_length=1, max_length=_LONGEST_PATH)],
        Annotated[Intent, BeforeValidator(_intent)],
    ] = Field(default={"main": Intent.RELEASE, "**": Intent.CHECK}, max_length=MOST_GATES)

    @field_validator("components", "environments", "gates", mode="before")
    @classmethod
    def _empty_section(cls, value: Any) -> Any:
        """`staging:` with nothing behind it is an environment with every default."""
        if not isinstance(value, dict):
            return {} if value is None else value
        return {name: {} if section is None else section for name, section in value.items()}

    def intent_of(self, branch: str) -> Intent:
        """What a push to this branch is for: the first pattern that matches, else a check.

        Without a `release` section there is nowhere to release to: then everything is a check.
        """
        for pattern, intent in self.branches.items():
            if glob_matcher(pattern)(branch):
                return intent if self.release else Intent.CHECK
        return Intent.CHECK
