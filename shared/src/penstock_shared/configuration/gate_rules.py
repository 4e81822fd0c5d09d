"""Rules across the fields of gates, and between gates and components."""

from collections.abc import Iterator
from math import prod

from penstock_shared.configuration.circles import circle_in, circle_text
from penstock_shared.configuration.document import Path
from penstock_shared.configuration.gates import MOST_VARIANTS, GateScope, GateSection
from penstock_shared.configuration.model import Configuration
from penstock_shared.configuration.wording import did_you_mean, quoted

MOST_GATE_JOBS = 5_000
"""The most jobs of gates in one flow: each gate counts once for each component that it runs for and
each combination of its matrix."""
_OWN_VARIABLES = "PENSTOCK_"

Broken = Iterator[tuple[Path, str]]


def gate_rules(configuration: Configuration) -> Broken:
    """The contradictions in `gates`: where, and why."""
    for name, gate in configuration.gates.items():
        yield from _components(configuration, name, gate)
        yield from _needs(configuration, name, gate)
        yield from _matrix(name, gate)
        yield from _after(configuration, name, gate)
    yield from _circles(configuration)
    yield from _quarantine(configuration)
    yield from _too_many(configuration)


def _components(configuration: Configuration, name: str, gate: GateSection) -> Broken:
    if gate.components and gate.scope is GateScope.REPOSITORY:
        yield (
            ("gates", name, "components"),
            "goes with `scope: component`; a gate of the repository runs once",
        )
        return
    for place, pattern in gate.unknown_components(configuration.components):
        hint = did_you_mean(pattern, configuration.components)
        yield ("gates", name, "components", place), f"no component matches {quoted(pattern)}{hint}"


def _needs(configuration: Configuration, name: str, gate: GateSection) -> Broken:
    for place, needed in enumerate(gate.needs):
        if needed not in configuration.gates:
            hint = did_you_mean(needed, configuration.gates)
            yield ("gates", name, "needs", place), f"no gate is named {needed!r}{hint}"
        elif configuration.gates[needed].after and not gate.after:
            yield (
                ("gates", name, "needs", place),
                f"{needed!r} runs after the deployment, and this gate before it",
            )


def _after(configuration: Configuration, name: str, gate: GateSection) -> Broken:
    path = ("gates", name)
    if gate.after is None:
        if gate.environment is not None:
            yield (*path, "environment"), "goes with `after: deploy`"
        return
    staging = configuration.release.from_ if configuration.release else None
    if staging is None:
        yield (*path, "after"), "needs a `release` with `from`, the environment that it runs after"
    elif gate.environment not in {None, staging}:
        yield (
            (*path, "environment"),
            f"must be {staging!r}, where releases wait for such gates before they go on",
        )
    if gate.paths:
        yield (*path, "paths"), "decides nothing here: a gate of an environment is always run"


def _circles(configuration: Configuration) -> Broken:
    if circle := circle_in({name: gate.needs for name, gate in configuration.gates.items()}):
        yield ("gates", circle[0], "needs"), circle_text(circle)


def _matrix(name: str, gate: GateSection) -> Broken:
    for variable in gate.matrix:
        path = ("gates", name, "matrix", variable)
        if not gate.matrix[variable]:
            yield path, "must not be empty"
        if variable in gate.env or variable in gate.secrets:
            other = "env" if variable in gate.env else "secrets"
            yield path, f"is in `{other}` too: give the variable one of the two"
        if variable.upper().startswith(_OWN_VARIABLES):
            yield path, f"variables that begin with {_OWN_VARIABLES} are Penstock's own"
    combinations = prod(len(values) for values in gate.matrix.values())
    if combinations > MOST_VARIANTS:
        yield (
            ("gates", name, "matrix"),
            f"has {combinations:,} combinations; the limit is {MOST_VARIANTS}",
        )


def _quarantine(configuration: Configuration) -> Broken:
    if not configuration.quarantine or any(_too_many(configuration)):
        return
    gates = configuration.gates
    labels = {
        label
        for name, gate in gates.items()
        for label in gate.labels(name, configuration.components)
    }
    for name in configuration.quarantine:
        if name not in gates and name not in labels:
            hint = did_you_mean(name, [*gates, *labels])
            yield ("quarantine", name), f"no gate is named {quoted(name)}{hint}"


def _too_many(configuration: Configuration) -> Broken:
    jobs = sum(gate.count(configuration.components) for gate in configuration.gates.values())
    if jobs > MOST_GATE_JOBS:
        yield (
            ("gates",),
            f"are {jobs} jobs, each gate for every component; the limit is {MOST_GATE_JOBS}",
        )
