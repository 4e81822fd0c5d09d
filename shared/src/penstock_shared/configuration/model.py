"""The model of `penstock.yml`, version 1."""

import re
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from penstock_shared.contracts.change import Intent
from penstock_shared.contracts.model import Name
from penstock_shared.contracts.plan import CommandDeploy, Coverage, EnvironmentMode, LambdaDeploy

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST_JOB = 12 * 3600
_LONGEST_BAKE = 30 * 86400


def _duration(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"(\d+)\s*([smhd]?)", value.strip())
    if not match:
        raise ValueError(f"{value!r} is not a duration; write 30s, 15m, 2h or 1d")
    return int(match[1]) * _UNITS[match[2] or "s"]


def _inside(path: str) -> str:
    parts = path.split("/")
    if path.startswith("/") or ".." in parts or "\\" in path or "\0" in path:
        raise ValueError(f"{path!r} must be a relative path inside the repository")
    return "/".join(part for part in parts if part not in ("", ".")) or "."


Duration = Annotated[int, BeforeValidator(_duration), Field(ge=0)]
JobTimeout = Annotated[int, BeforeValidator(_duration), Field(ge=1, le=_LONGEST_JOB)]
RelativePath = Annotated[str, BeforeValidator(lambda value: _inside(str(value)))]
Variables = dict[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], str]


class Section(BaseModel):
    """A part of the file. Keys that it does not know are mistakes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class BuildSection(Section):
    """How a component's artifact is made: by a command, or by a preset."""

    run: str = ""
    artifact: RelativePath | Literal[""] = ""
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

    environment: Variables = {}


class CommandDeploySection(CommandDeploy, Section):
    """Deploy by a command."""

    timeout: JobTimeout = 600


class ComponentSection(Section):
    """One deployable unit."""

    path: RelativePath = "."
    watch: tuple[RelativePath, ...] = ()
    depends_on: tuple[Name, ...] = ()
    build: BuildSection | None = None
    deploy: LambdaDeploySection | CommandDeploySection | None = Field(
        default=None, discriminator="driver"
    )


class GateScope(StrEnum):
    """Whether a gate runs once for each component, or once."""

    COMPONENT = "component"
    REPOSITORY = "repository"


class GateSection(Section):
    """A check that must pass."""

    run: str = Field(min_length=1)
    scope: GateScope = GateScope.COMPONENT
    timeout: JobTimeout = 600
    retries: int = Field(default=0, ge=0, le=5)
    environment: Variables = {}
    junit: RelativePath | Literal[""] = ""
    coverage: Coverage | None = None


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
    components: dict[Name, ComponentSection] = Field(min_length=1)
    gates: dict[Name, GateSection] = {}
    environments: dict[Name, EnvironmentSection] = {}
    release: ReleaseSection | None = None
    branches: dict[str, Intent] = {"main": Intent.RELEASE, "**": Intent.CHECK}

    @field_validator("environments", "gates", mode="before")
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
            if fnmatchcase(branch, pattern):
                return intent if self.release else Intent.CHECK
        return Intent.CHECK
