"""The model of `penstock.yml`, version 1."""

from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field, field_validator, model_validator

from penstock_shared.configuration.drivers import SECTIONS
from penstock_shared.configuration.drivers.base import DeploySection
from penstock_shared.configuration.fields import (
    DURATION,
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
from penstock_shared.configuration.gates import GateSection, QuarantineSection
from penstock_shared.configuration.kept import Caches, PrepareSection
from penstock_shared.configuration.wording import alternatives
from penstock_shared.contracts.change import Intent
from penstock_shared.contracts.drivers.base import DeployRecipe
from penstock_shared.contracts.model import Name
from penstock_shared.contracts.plan import EnvironmentMode, History
from penstock_shared.globs import glob_matcher
from penstock_shared.presets import COMMAND, PRESETS, BuildRequest, Preset

MOST_COMPONENTS = 1_000
MOST_GATES = 200
MOST_ENVIRONMENTS = 20
_LONGEST_BAKE = 30 * 86400
_INTENTS = ("check", "release")
_OPTIONS = ("run", "artifact", "include", "folder", "entry")
"""The fields of a `build` section that only some presets take."""

if TYPE_CHECKING:
    PresetName: TypeAlias = str
    AnyDeploySection: TypeAlias = DeploySection
else:
    PresetName = Literal[tuple(PRESETS)]
    AnyDeploySection = reduce(or_, SECTIONS.values())


def _intent(value: Any) -> Any:
    if value not in _INTENTS:
        raise mistake(f"must be {alternatives(map(repr, _INTENTS))}, not {written(value)}")
    return value


NOT = "!"
"""Begins a pattern that matches every name but those of the rest."""
Rules = Annotated[
    dict[
        Annotated[str, Field(max_length=LONGEST_PATH, pattern=r"^!?[^!]")],
        Annotated[
            Intent,
            BeforeValidator(_intent, json_schema_input_type=Literal["check", "release"]),
        ],
    ],
    Field(max_length=MOST_GATES),
]
"""Patterns of names, each with the intent of those that it matches. The first that matches counts.
"""


class BuildSection(Section):
    """How a component's artifact is made: by a command, or by a preset."""

    run: Command = ""
    artifact: OutputPath = ""
    preset: PresetName | None = None
    include: tuple[RelativePath, ...] = ()
    folder: RelativePath = ""
    entry: OutputPath = ""
    timeout: JobTimeout = 600
    env: Variables = {}
    secrets: SecretVariables = {}
    cache: Caches = ()

    @model_validator(mode="after")
    def _suits_its_preset(self) -> "BuildSection":
        if not self.run and self.preset is None:
            raise ValueError("give either `run` or `preset`")
        given = {name for name in _OPTIONS if getattr(self, name)}
        if extra := sorted(given - self.method.takes):
            raise ValueError(f"the {self._method} preset takes no `{extra[0]}`; leave it out")
        if missing := sorted(self.method.needs - given):
            raise ValueError(f"the {self._method} preset needs `{missing[0]}`")
        return self

    @property
    def method(self) -> Preset:
        """How it is built: a section that names no preset runs its command."""
        return PRESETS[self._method]

    @property
    def _method(self) -> str:
        return self.preset or COMMAND

    def request(self, path: str, deploy: DeployRecipe | None) -> BuildRequest:
        """What it asks of its preset, for the component at `path`."""
        given = {name: getattr(self, name) for name in _OPTIONS}
        return BuildRequest(path=path, deploy=deploy, **given)


class ComponentSection(Section):
    """One deployable unit."""

    path: RelativePath = "."
    watch: tuple[RelativePath, ...] = Field(default=(), max_length=100)
    depends_on: tuple[Name, ...] = Field(default=(), max_length=MOST_COMPONENTS)
    prepare: PrepareSection | None = None
    build: BuildSection | None = None
    deploy: AnyDeploySection | None = Field(default=None, discriminator="driver")

    @property
    def build_request(self) -> BuildRequest | None:
        """What it asks of the preset of its `build` section, if it has one."""
        return self.build.request(self.path, self.deploy) if self.build else None

    @property
    def artifact(self) -> str:
        """The file in its folder that its build leaves; empty if it leaves none."""
        request = self.build_request
        return self.build.method.artifact(request) if self.build and request else ""


class EnvironmentSection(Section):
    """A place to deploy to."""

    stage: Name | None = None
    mode: EnvironmentMode = EnvironmentMode.SUPERSEDE


class ReleaseSection(Section):
    """Where releases bake, for how long, and where they go then."""

    from_: Name | None = Field(default=None, alias="from")
    to: Name = "production"
    bake: Annotated[int, DURATION, Field(ge=0, le=_LONGEST_BAKE)] = 2 * 3600


class Configuration(Section):
    """The whole file."""

    version: Literal[1]
    components: dict[Name, ComponentSection] = Field(min_length=1, max_length=MOST_COMPONENTS)
    gates: dict[Name, GateSection] = Field(default={}, max_length=MOST_GATES)
    quarantine: dict[str, QuarantineSection] = Field(default={}, max_length=MOST_GATES)
    environments: dict[Name, EnvironmentSection] = Field(default={}, max_length=MOST_ENVIRONMENTS)
    release: ReleaseSection | None = None
    watch: tuple[RelativePath, ...] = Field(default=(), max_length=100)
    history: History = History.COMMIT
    fail_fast: bool = False
    lfs: bool = True
    prepare: PrepareSection | None = None
    branches: Rules = Field(default={"main": Intent.RELEASE, "**": Intent.CHECK})
    tags: Rules = {}

    @field_validator("components", "environments", "gates", mode="before")
    @classmethod
    def _empty_section(cls, value: Any) -> Any:
        """`staging:` without a value is an environment with every default."""
        if not isinstance(value, dict):
            return {} if value is None else value
        return {name: {} if section is None else section for name, section in value.items()}

    def preparation_for(self, component: str | None) -> PrepareSection | None:
        """What makes the folders that the jobs of a component, or of the repository, share."""
        own = self.components[component].prepare if component else None
        return own or self.prepare

    @property
    def says_branches(self) -> bool:
        """Whether the file sets the branches itself."""
        return "branches" in self.model_fields_set

    def rule_for(self, branch: str) -> tuple[str, Intent]:
        """The first pattern that matches the branch, and its intent; without one, a check."""
        return _first_rule(self.branches, branch)

    def rule_for_tag(self, tag: str) -> tuple[str, Intent]:
        """The first pattern that matches the tag, and its intent; without one, a check."""
        return _first_rule(self.tags, tag)

    def intent_of(self, branch: str) -> Intent:
        """The intent of a push to this branch, by the first pattern that matches; else a check.

        Without a `release` section every push is a check, since it has no target.
        """
        _, intent = self.rule_for(branch)
        return intent if self.release else Intent.CHECK

    def intent_of_tag(self, tag: str) -> Intent:
        """The intent of a tag, by the first pattern that matches; else, and without a `release`
        section, a check.
        """
        _, intent = self.rule_for_tag(tag)
        return intent if self.release else Intent.CHECK


def _first_rule(rules: Mapping[str, Intent], name: str) -> tuple[str, Intent]:
    return next((rule for rule in rules.items() if _matches(rule[0], name)), ("", Intent.CHECK))


def _matches(pattern: str, name: str) -> bool:
    """A pattern that begins with `!` matches what the rest of it does not."""
    wanted = pattern.removeprefix(NOT)
    return glob_matcher(wanted)(name) is (wanted == pattern)
