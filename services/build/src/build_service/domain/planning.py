"""Decides what a change makes necessary: what to build, which gates to run, where to go."""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from shlex import quote
from typing import Any

from build_service.domain.errors import BuildError
from build_service.domain.source import SourceTree
from penstock_shared.configuration.model import (
    BuildSection,
    ComponentSection,
    Configuration,
    GateScope,
    GateSection,
)
from penstock_shared.contracts.change import Change, Intent
from penstock_shared.contracts.plan import (
    BuildRecipe,
    CommandDeploy,
    LambdaDeploy,
    ObjectRef,
    Plan,
    PlannedComponent,
    PlannedEnvironment,
    PlannedGate,
    PlannedRelease,
)
from penstock_shared.identifiers import digest_of

TOOLCHAIN = "1"
"""Part of every key: raise it when presets or runners change what the same inputs make."""
PRESET_ARTIFACT = ".penstock-artifact.zip"


@dataclass(frozen=True)
class Planner:
    """Plans one change, from its tree, the tree's snapshot and what its `penstock.yml` says."""

    change: Change
    configuration: Configuration
    tree: SourceTree
    snapshot: ObjectRef

    def plan(self, flow_id: str, started_at: datetime) -> Plan:
        """The plan, with the keys of all artifacts and verdicts but not knowing any.

        Raises BuildError when the file speaks of folders that are not there.
        """
        self._check_paths()
        intent = self.configuration.intent_of(self.change.branch)
        return Plan(
            flow_id=flow_id,
            change=self.change,
            intent=intent,
            started_at=started_at,
            snapshot=self.snapshot,
            tree=self.tree.tree_id,
            committed_at=self.tree.committed_at,
            components=tuple(
                self._component(name, section)
                for name, section in self.configuration.components.items()
            ),
            gates=tuple(
                gate
                for name, section in self.configuration.gates.items()
                for gate in self._gates(name, section)
            ),
            release=self._release() if intent is Intent.RELEASE else None,
        )

    def _check_paths(self) -> None:
        for name, component in self.configuration.components.items():
            if not self.tree.holds(component.path):
                raise BuildError(
                    f"penstock.yml: components.{name}.path: there is no folder {component.path!r} "
                    f"in commit {self.change.sha[:12]}"
                )

    def _source_key(self, component: ComponentSection) -> str:
        return digest_of(
            self.change.repository, TOOLCHAIN, self.tree.digest(component.path, component.watch)
        )

    def _component(self, name: str, section: ComponentSection) -> PlannedComponent:
        recipe = _recipe(section)
        source_key = self._source_key(section)
        artifact_key = digest_of(name, source_key, _text(recipe))
        deploy = section.deploy
        return PlannedComponent(
            name=name,
            path=section.path,
            key=digest_of(artifact_key, _text(deploy), *section.depends_on),
            depends_on=section.depends_on,
            build=recipe,
            artifact=_artifact(name, artifact_key, recipe),
            deploy=_plain(deploy),
        )

    def _gates(self, name: str, section: GateSection) -> list[PlannedGate]:
        if section.scope is GateScope.REPOSITORY:
            key = digest_of(self.change.repository, TOOLCHAIN, self.tree.tree_id)
            return [_gate(name, None, ".", key, section)]
        return [
            _gate(name, component_name, component.path, self._source_key(component), section)
            for component_name, component in self.configuration.components.items()
        ]

    def _release(self) -> PlannedRelease | None:
        release = self.configuration.release
        if release is None:
            return None
        pushed_at = self.change.pushed_at
        return PlannedRelease(
            version=f"{pushed_at:%Y.%m.%d}-{self.change.sha[:7]}",
            staging=self._environment(release.from_) if release.from_ else None,
            production=self._environment(release.to),
            bake=release.bake if release.from_ else 0,
        )

    def _environment(self, name: str) -> PlannedEnvironment:
        section = self.configuration.environments[name]
        return PlannedEnvironment(name=name, stage=section.stage or name, mode=section.mode)


def artifact_memo_key(component: PlannedComponent) -> str:
    """Under which question the artifact of a component is remembered."""
    return f"artifact:{component.artifact.key if component.artifact else component.key}"


def with_known_artifacts(plan: Plan, known: Mapping[str, dict[str, Any]]) -> Plan:
    """The plan with the artifacts filled in that an earlier flow has built."""
    components = tuple(
        _with_known(component, known.get(artifact_memo_key(component)))
        for component in plan.components
    )
    return plan.model_copy(update={"components": components})


def to_build(plan: Plan) -> list[int]:
    """The positions of the components that need a build job."""
    return [number for number, component in enumerate(plan.components) if component.built]


def _with_known(component: PlannedComponent, known: dict[str, Any] | None) -> PlannedComponent:
    if component.build is None:
        return component.model_copy(update={"reason": "has nothing to build"})
    if known is None:
        return component.model_copy(update={"built": True, "reason": "its inputs are new"})
    artifact = ObjectRef.model_validate(known["artifact"]) if known.get("artifact") else None
    reason = f"unchanged since flow {known['flow_id']}"
    return component.model_copy(update={"artifact": artifact, "reason": reason})


def _recipe(section: ComponentSection) -> BuildRecipe | None:
    build = section.build
    if build is None:
        return None
    if build.preset is None:
        return BuildRecipe(
            run=build.run,
            artifact=build.artifact,
            timeout=build.timeout,
            environment=build.environment,
        )
    return BuildRecipe(
        run=_preset_command(section.path, build),
        artifact=PRESET_ARTIFACT,
        timeout=build.timeout,
        environment=build.environment,
    )


def _preset_command(path: str, build: BuildSection) -> str:
    includes = [
        f"--include {quote(posixpath.relpath(included, path))}" for included in build.include
    ]
    return " ".join(
        [
            '"$PENSTOCK_PYTHON" -I -m penstock_runner.presets.python_lambda --source .',
            *includes,
            f"--output {PRESET_ARTIFACT}",
        ]
    )


def _artifact(name: str, artifact_key: str, recipe: BuildRecipe | None) -> ObjectRef | None:
    if recipe is None or not recipe.artifact:
        return None
    suffix = posixpath.splitext(recipe.artifact)[1]
    return ObjectRef(key=f"artifacts/{name}/{artifact_key}{suffix}")


def _gate(
    name: str, component: str | None, workdir: str, source_key: str, section: GateSection
) -> PlannedGate:
    return PlannedGate(
        name=name,
        component=component,
        key=digest_of("gate", source_key, workdir, _text(section)),
        run=section.run,
        workdir=workdir,
        timeout=section.timeout,
        retries=section.retries,
        environment=section.environment,
        junit=section.junit,
        coverage=section.coverage,
    )


def _text(section: Any) -> str:
    return section.model_dump_json() if section else ""


def _plain(deploy: LambdaDeploy | CommandDeploy | None) -> LambdaDeploy | CommandDeploy | None:
    """The contract's own type, without what only the file's reader needs."""
    if isinstance(deploy, LambdaDeploy):
        return LambdaDeploy.model_validate(deploy.model_dump())
    if isinstance(deploy, CommandDeploy):
        return CommandDeploy.model_validate(deploy.model_dump())
    return None
