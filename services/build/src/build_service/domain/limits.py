"""Limits of a plan, so that messages and records stay far below AWS's limits. A plan beyond a limit
is refused with the limit and the place that exceeds it.

`penstock_shared.configuration` limits single sections. These limits need the whole plan.
"""

import json
from collections.abc import Iterator, Mapping

from build_service.domain.errors import BuildError
from penstock_shared.contracts.plan import Plan, PlannedComponent
from penstock_shared.jobs import environment_variables

JOB_BYTES = 48_000
"""The most bytes of the section that a job is made of. With source and names, the request for the
job stays below 60 KB. A batch of ten is sent in several calls of at most 256 KiB."""
PLAN_BYTES = 16_000_000
"""The most bytes of a plan. Services hold it in memory."""
_A_STAGE = "s" * 63
"""The longest possible stage."""


def check_limits(plan: Plan) -> None:
    """Raises BuildError with the limit and the place if the plan exceeds one."""
    for place, what, size in _jobs(plan):
        if size > JOB_BYTES:
            raise BuildError(
                f"penstock.yml: {place}: {what} weighs {size:,} bytes with its variables and "
                f"names; the limit for a job is {JOB_BYTES:,}. Move long commands into a script of "
                "the repository, and watch folders instead of files"
            )
    size = len(plan.model_dump_json(exclude_none=True).encode())
    if size > PLAN_BYTES:
        raise BuildError(
            f"penstock.yml: the plan of {len(plan.components):,} components and "
            f"{len(plan.gates):,} gates weighs {size:,} bytes; the limit is {PLAN_BYTES:,}. "
            "Shorten the commands and variables of gates: they count for every component"
        )


def _jobs(plan: Plan) -> Iterator[tuple[str, str, int]]:
    """For everything that becomes a job: its place, what it is, and its bytes."""
    outputs = {
        component.name: _weight_of(component.deploy.outputs(_A_STAGE))
        for component in plan.components
        if component.deploy
    }
    inputs = {component.name: _weight_of_inputs(component) for component in plan.components}
    for component in plan.components:
        place, seen = f"components.{component.name}", inputs[component.name]
        if component.build:
            weight = len(component.build.model_dump_json().encode())
            yield f"{place}.build", "its job", weight + seen
        if component.deploy:
            variables = _weight_of_dependencies(component, outputs) + _weight_of(
                component.deploy.env
            )
            for field, command in component.deploy.commands().items():
                weight = len(command.encode())
                yield f"{place}.deploy.{field}", "its job", weight + variables + seen
    for gate in plan.gates:
        where = f"its job for {gate.component}" if gate.component else "its job"
        # Inputs of its own are part of the gate.
        seen = inputs[gate.component] if gate.component and gate.inputs is None else 0
        seen += _weight_of(environment_variables(plan, gate))
        yield f"gates.{gate.name}", where, len(gate.model_dump_json().encode()) + seen


def _weight_of_inputs(component: PlannedComponent) -> int:
    return sum(len(json.dumps(pattern)) + 1 for pattern in component.inputs)


def _weight_of_dependencies(component: PlannedComponent, outputs: dict[str, int]) -> int:
    """The most bytes of a component's variables about its dependencies."""
    known = (name for name in component.depends_on if outputs.get(name))
    return sum(len(name) + outputs[name] for name in known)


def _weight_of(outputs: Mapping[str, str]) -> int:
    return sum(len(name) + len(value) + 10 for name, value in outputs.items())
