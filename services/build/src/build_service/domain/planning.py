"""Plans a change: what to build, which gates to run, where to deploy."""

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from build_service.domain.errors import BuildError
from build_service.domain.gates import GatePlanner
from build_service.domain.inputs import WHOLE, Inputs
from build_service.domain.source import SourceTree
from build_service.domain.trust import intent_of
from penstock_shared.configuration.kept import PrepareSection
from penstock_shared.configuration.model import (
    ComponentSection,
    Configuration,
)
from penstock_shared.contracts.change import Change, Intent, Trust
from penstock_shared.contracts.jobs import JobResult
from penstock_shared.contracts.plan import (
    JOBS_AT_ONCE,
    BuildRecipe,
    History,
    ObjectRef,
    Plan,
    PlannedComponent,
    PlannedEnvironment,
    PlannedGate,
    PlannedRelease,
)
from penstock_shared.contracts.registration import repository_id
from penstock_shared.identifiers import digest_of
from penstock_shared.object_keys import ObjectKind, object_key
from penstock_shared.presets import COMMAND

KEYS = "2"
"""Part of every key. Raise it when Penstock itself makes something else of the same inputs."""
Answers = dict[str, dict[str, Any]]
"""Remembered artifacts: which flow built each, and where it is stored."""


@dataclass(frozen=True)
class Planner:
    """Plans one change from its tree, the tree's snapshot and its `penstock.yml`.

    `presets` is the digest of Penstock's presets: of their sources and of the tools that they lock.
    """

    change: Change
    trust: Trust
    configuration: Configuration
    tree: SourceTree
    snapshot: ObjectRef
    presets: str = ""

    def plan(self, flow_id: str, started_at: datetime, jobs_at_once: int = JOBS_AT_ONCE) -> Plan:
        """The plan, with the keys of all artifacts and verdicts but without known artifacts.

        Raises BuildError when the file names folders that do not exist.
        """
        self._check_paths()
        intent = intent_of(self.change, self.configuration)
        components = tuple(
            self._component(flow_id, name, section)
            for name, section in self.configuration.components.items()
        )
        gates = self._gates(releases=intent is Intent.RELEASE).gates()
        return Plan(
            flow_id=flow_id,
            change=self.change,
            trust=self.trust,
            intent=intent,
            started_at=started_at,
            snapshot=self.snapshot,
            tree=self.tree.tree_id,
            merge=self.tree.merge,
            committed_at=self.tree.committed_at,
            history=self.configuration.history,
            components=components,
            gates=gates,
            inputs=self._tree_inputs.each_digest(components, gates),
            release=self._release(gates) if intent is Intent.RELEASE else None,
            jobs_at_once=jobs_at_once,
            fail_fast=self.configuration.fail_fast,
            prepare=prepare.preparation(".") if (prepare := self.configuration.prepare) else None,
        )

    def _check_paths(self) -> None:
        for name, component in self.configuration.components.items():
            if not self.tree.holds(component.path):
                raise BuildError(
                    f"penstock.yml: components.{name}.path: there is no folder {component.path!r} "
                    f"in commit {self.change.sha[:12]}"
                )

    @cached_property
    def _tree_inputs(self) -> Inputs:
        return Inputs(self.tree, self.configuration)

    @cached_property
    def _inputs(self) -> Mapping[str, tuple[str, ...]]:
        """The inputs of each component. What depends on history depends on the whole tree."""
        return {
            name: WHOLE if self._past else self._tree_inputs.of(section)
            for name, section in self.configuration.components.items()
        }

    @cached_property
    def _source_keys(self) -> Mapping[str, str]:
        """For each component, the hash over all that its jobs can read."""
        return {
            name: self._key_of(self._tree_inputs.digest(patterns))
            for name, patterns in self._inputs.items()
        }

    def _key_of(self, source: str) -> str:
        repository = (self.change.forge, self.change.repository)
        # The files' ids say which contents in Git LFS there are, and not whether jobs get them.
        lfs = () if self.configuration.lfs else ("lfs: false",)
        return digest_of(*repository, KEYS, source, *self._past, *lfs)

    @property
    def _past(self) -> tuple[str, ...]:
        """What jobs see of the repository in addition to its files. The same files have another
        version at another commit, or with a new tag.
        """
        remembers = self.configuration.history in {History.TAGS, History.FULL}
        return (self.snapshot.sha256,) if remembers else ()

    def _component(self, flow_id: str, name: str, section: ComponentSection) -> PlannedComponent:
        prepare = self.configuration.preparation_for(name)
        recipe = _recipe(name, self._source_keys[name], section, prepare, self.presets)
        artifact_key = recipe.key if recipe else digest_of(name, self._source_keys[name])
        deploy = section.deploy
        return PlannedComponent(
            name=name,
            path=section.path,
            inputs=self._inputs[name],
            key=digest_of(artifact_key, _text(deploy), *section.depends_on),
            depends_on=section.depends_on,
            prepare=section.prepare.preparation(section.path) if section.prepare else None,
            build=recipe,
            artifact=self._artifact(flow_id, name, recipe),
            deploy=deploy.recipe() if deploy else None,
        )

    def _artifact(self, flow_id: str, name: str, recipe: BuildRecipe | None) -> ObjectRef | None:
        """The key of this flow's artifact. No other flow writes to it."""
        if recipe is None or not recipe.artifact:
            return None
        suffix = posixpath.splitext(recipe.artifact)[1]
        path = f"{name}/{recipe.key[:16]}-{flow_id}{suffix}"
        return ObjectRef(key=object_key(ObjectKind.ARTIFACT, self.trust, path))

    def _gates(self, *, releases: bool) -> GatePlanner:
        return GatePlanner(
            self.configuration,
            self._tree_inputs,
            self._inputs,
            self._key_of,
            whole=bool(self._past),
            releases=releases,
            day=self.change.pushed_at.date(),
        )

    def _release(self, gates: Sequence[PlannedGate]) -> PlannedRelease | None:
        release = self.configuration.release
        if release is None:
            return None
        pushed_at = self.change.pushed_at
        return PlannedRelease(
            version=f"{pushed_at:%Y.%m.%d}-{self.change.sha[:7]}",
            staging=self._environment(release.from_) if release.from_ else None,
            production=self._environment(release.to),
            bake=release.bake if release.from_ else 0,
            gates_in_staging=any(gate.after for gate in gates),
        )

    def _environment(self, name: str) -> PlannedEnvironment:
        section = self.configuration.environments[name]
        return PlannedEnvironment(name=name, stage=section.stage or name, mode=section.mode)


def artifact_memo_key(change: Change, component: PlannedComponent) -> str:
    """The key in the memo of a component's artifact: whose it is, and what it is made of.

    The repository is that of the change, which no planner has a say in.
    """
    key = component.build.key if component.build else component.key
    return f"artifact:{repository_id(change.forge, change.repository)}:{key}"


def answer_of(flow_id: str, result: JobResult) -> dict[str, Any]:
    """The answer to remember for a component that a job has built. Its artifact, if it has one, is
    the only output of a build job.
    """
    artifacts = [
        ObjectRef(key=output.key, sha256=output.sha256, size=output.size)
        for output in result.outputs
    ]
    return {
        "flow_id": flow_id,
        "artifact": artifacts[0].model_dump() if artifacts else None,
        "toolchain": result.toolchain,
    }


def with_known_artifacts(plan: Plan, known: Mapping[str, dict[str, Any]]) -> Plan:
    """The plan with the artifacts that earlier flows have built."""
    components = tuple(
        _with_known(component, known.get(artifact_memo_key(plan.change, component)))
        for component in plan.components
    )
    return plan.model_copy(update={"components": components})


def with_artifacts(plan: Plan, built: Mapping[str, dict[str, Any]]) -> Plan:
    """The finished plan, with the artifacts that its own jobs have built.

    Raises KeyError when one of them is missing.
    """
    components = tuple(
        _with_artifact(component, built[artifact_memo_key(plan.change, component)])
        if component.built
        else component
        for component in plan.components
    )
    return plan.model_copy(update={"components": components})


def _with_known(component: PlannedComponent, known: dict[str, Any] | None) -> PlannedComponent:
    if component.build is None:
        return component.model_copy(update={"reason": "has nothing to build"})
    if known is None:
        return component.model_copy(update={"built": True, "reason": "its inputs or tools are new"})
    reason = f"unchanged since flow {known['flow_id']}"
    return _with_artifact(component, known).model_copy(update={"reason": reason})


def _with_artifact(component: PlannedComponent, answer: dict[str, Any]) -> PlannedComponent:
    """The component with the artifact of an answer, if that has one.

    Its key then holds the artifact too. Built of the same inputs with other tools, it may be
    another one, which environments do not run yet.
    """
    if not answer.get("artifact"):
        return component
    artifact = ObjectRef.model_validate(answer["artifact"])
    key = digest_of(component.key, artifact.sha256)
    return component.model_copy(update={"artifact": artifact, "key": key})


def _recipe(
    name: str,
    source_key: str,
    section: ComponentSection,
    prepare: PrepareSection | None,
    presets: str,
) -> BuildRecipe | None:
    build, request = section.build, section.build_request
    command = build.method.command(request) if build and request else ""
    if build is None or not command:
        return None
    recipe = BuildRecipe(
        run=command,
        artifact=section.artifact,
        timeout=build.timeout,
        env=build.env,
        secrets=build.secrets,
        prepared=bool(prepare) and build.preset is None,
    )
    made_of = (_text(recipe), *([_text(prepare)] if recipe.prepared else []))
    tools = () if build.preset in {None, COMMAND} else (presets,)
    key = digest_of(name, source_key, *made_of, *tools)
    return recipe.model_copy(update={"key": key, "cache": build.cache})


def _text(section: Any) -> str:
    return section.model_dump_json() if section else ""
