"""What one flow may ask for: whatever the plan holds, messages and records stay far below what AWS
takes. A plan beyond a limit is refused by the limit's name, and with the place that passes it.

What one section may hold is limited by `penstock_shared.configuration`; here is what only a whole
plan shows.
"""

from collections.abc import Iterator, Mapping

from build_service.domain.errors import BuildError
from penstock_shared.contracts.plan import Plan, PlannedComponent

JOB_BYTES = 48_000
"""What the section that a job is made of may weigh. With its source and names the request for it
stays below 60 KB, and a batch of ten is sent in several messages of at most 256 KiB."""
PLAN_BYTES = 16_000_000
"""What a plan may weigh. Services hold it in memory."""
_A_STAGE = "s" * 63
"""As long as a stage may be."""


def check_limits(plan: Plan) -> None:
    """Raises BuildError, which names the limit and the place, when the plan is beyond one."""
    for place, what, size in _jobs(plan):
        if size > JOB_BYTES:
            raise BuildError(
                f"penstock.yml: {place}: {what} weighs {size:,} bytes with its variables and "
                f"names; the limit for a job is {JOB_BYTES:,}. Move long commands into a script of "
                "the repository"
            )
    size = len(plan.model_dump_json(exclude_none=True).encode())
    if size > PLAN_BYTES:
        raise BuildError(
            f"penstock.yml: the plan of {len(plan.components):,} components and "
            f"{len(plan.gates):,} gates weighs {size:,} bytes; the limit is {PLAN_BYTES:,}. "
            "Shorten the commands and variables of gates: they count for every component"
        )


def _jobs(plan: Plan) -> Iterator[tuple[str, str, int]]:
    """Of everything that becomes a job: its place, what it is, and its bytes."""
    outputs = {
        component.name: _weight_of(component.deploy.outputs(_A_STAGE))
        for component in plan.components
        if component.deploy
    }
    for component in plan.components:
        place = f"components.{component.name}"
        if component.build:
            yield f"{place}.build", "its job", len(component.build.model_dump_json().encode())
        if component.deploy:
            told = _told(component, outputs)
            for field, command in component.deploy.commands().items():
                yield f"{place}.deploy.{field}", "its job", len(command.encode()) + told
    for gate in plan.gates:
        where = f"its job for {gate.component}" if gate.component else "its job"
        yield f"gates.{gate.name}", where, len(gate.model_dump_json().encode())


def _told(component: PlannedComponent, outputs: dict[str, int]) -> int:
    """Bytes, at most, of what a component's command is told of those that it depends on."""
    known = (name for name in component.depends_on if outputs.get(name))
    return sum(len(name) + outputs[name] for name in known)


def _weight_of(outputs: Mapping[str, str]) -> int:
    return sum(len(name) + len(value) + 10 for name, value in outputs.items())
