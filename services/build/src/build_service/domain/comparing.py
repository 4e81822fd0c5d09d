"""Compares a plan with that of an earlier flow: what is done again, and because of what."""

from collections.abc import Iterator, Mapping, Sequence

from build_service.domain.gates import VERDICT_FIELDS
from build_service.domain.inputs import patterns_of, patterns_of_all
from penstock_shared.contracts.plan import Plan, PlannedComponent, PlannedGate
from penstock_shared.contracts.preview import (
    PreviewAnswer,
    PreviewedComponent,
    PreviewedGate,
)


def preview_of(plan: Plan, since: Plan | None) -> PreviewAnswer:
    """What a flow with this plan, in which known artifacts are filled in, would do."""
    release = plan.release
    places = [release.staging, release.production] if release else []
    proven = {gate.key for gate in since.gates} if since else set()
    return PreviewAnswer(
        trust=plan.trust,
        intent=plan.intent,
        environments=tuple(place.name for place in places if place),
        components=tuple(_component(plan, each, since) for each in plan.components),
        gates=tuple(
            PreviewedGate(label=gate.label, component=gate.component, runs=gate.key not in proven)
            for gate in plan.gates
        ),
    )


def gate_differences(plan: Plan, gate: PlannedGate, since: Plan, before: PlannedGate) -> list[str]:
    """What of a gate is not as in an earlier plan: its inputs, and its fields of the file."""
    if gate.key == before.key:
        return []
    now, then = _seen_by(plan, gate), _seen_by(since, before)
    fields = (
        f"penstock.yml: gates.{gate.name}.{name}"
        for name in VERDICT_FIELDS
        if getattr(gate, name) != getattr(before, name)
    )
    found = [*_unlike(now, plan.inputs, then, since.inputs), *fields]
    return found or ["what Penstock itself makes of the same files: its version or its tools"]


def _seen_by(plan: Plan, gate: PlannedGate) -> tuple[str, ...]:
    if gate.inputs is not None:
        return gate.inputs or patterns_of_all()
    return patterns_of(plan.component(gate.component)) if gate.component else patterns_of_all()


def _component(plan: Plan, component: PlannedComponent, since: Plan | None) -> PreviewedComponent:
    before = _known(since, component.name)
    changed = before is None or before.key != component.key
    return PreviewedComponent(
        name=component.name,
        builds=component.built,
        reason=component.reason,
        deploys=bool(plan.release and component.deploy and changed),
        differs=tuple(_differences(plan, component, since, before)) if since and before else (),
    )


def _known(plan: Plan | None, name: str) -> PlannedComponent | None:
    names = {component.name for component in plan.components} if plan else set()
    return plan.component(name) if plan and name in names else None


def _differences(
    plan: Plan, component: PlannedComponent, since: Plan, before: PlannedComponent
) -> Iterator[str]:
    """What of a component is not as before."""
    now, then = patterns_of(component), patterns_of(before)
    yield from _unlike(now, plan.inputs, then, since.inputs)
    for section in ("build", "deploy", "depends_on"):
        if _section(component, section) != _section(before, section):
            yield f"penstock.yml: components.{component.name}.{section}"


def _unlike(
    now: Sequence[str], digests: Mapping[str, str], then: Sequence[str], before: Mapping[str, str]
) -> Iterator[str]:
    for pattern in now:
        if pattern not in then:
            yield f"{pattern} (is an input now)"
        elif digests.get(pattern) != before.get(pattern):
            yield pattern
    yield from (f"{pattern} (is no input any more)" for pattern in then if pattern not in now)


def _section(component: PlannedComponent, name: str) -> object:
    section = getattr(component, name)
    return section.model_copy(update={"key": ""}) if section and name == "build" else section
