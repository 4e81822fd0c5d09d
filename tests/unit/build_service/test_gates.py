"""Gates are planned for what they name, on the files that they name."""

import pytest

from penstock_shared.contracts.plan import Plan, PlannedGate, ReportKind
from penstock_shared.gate_presets import GATE_PRESETS
from penstock_shared.gate_presets.base import PythonTool
from penstock_shared.jobs import gate_job
from tests.unit.build_service.test_planning import CONFIGURATION, plan

BEGINNING = CONFIGURATION[: CONFIGURATION.index("gates:")]
END = CONFIGURATION[CONFIGURATION.index("environments:") :]


def with_gates(gates: str, changes: dict[str, str] | None = None) -> Plan:
    return plan(changes, f"{BEGINNING}gates:\n  {gates}\n{END}")


def gates(planned: Plan) -> dict[str, PlannedGate]:
    return {gate.label: gate for gate in planned.gates}


def moved(section: str, changes: dict[str, str]) -> set[str]:
    """The gates whose key differs after the change."""
    before, after = gates(with_gates(section)), gates(with_gates(section, changes))
    return {label for label in before if before[label].key != after[label].key}


def test_a_gate_runs_for_the_components_that_it_names() -> None:
    assert set(gates(with_gates("unit: {run: x, components: [ord*]}"))) == {"unit (orders)"}


def test_each_combination_of_a_matrix_is_a_gate_with_its_variables() -> None:
    planned = gates(
        with_gates("unit: {run: x, components: [orders], matrix: {PY: ['3.12', '3.13'], DB: [1]}}")
    )

    assert {label: gate.env for label, gate in planned.items()} == {
        "unit (orders, 3.12, 1)": {"PY": "3.12", "DB": "1"},
        "unit (orders, 3.13, 1)": {"PY": "3.13", "DB": "1"},
    }
    assert len({gate.key for gate in planned.values()}) == 2


def test_gates_of_one_matrix_are_different_jobs() -> None:
    planned = with_gates("unit: {run: x, scope: repository, matrix: {PY: ['3.12', '3.13']}}")

    assert gate_job(planned, 0).job_id != gate_job(planned, 1).job_id


def test_a_gate_needs_those_of_its_own_component_and_of_the_repository() -> None:
    planned = with_gates(
        "system: {run: x, needs: [unit, audit]}\n"
        "  unit: {run: x}\n"
        "  audit: {run: x, scope: repository}\n"
        "  all: {run: x, scope: repository, needs: [unit]}"
    )
    labels = [gate.label for gate in planned.gates]

    assert {
        gate.label: [labels[n] for n in gate.needs] for gate in planned.gates if gate.needs
    } == {
        "system (orders)": ["unit (orders)", "audit"],
        "system (customers)": ["unit (customers)", "audit"],
        "all": ["unit (orders)", "unit (customers)"],
    }


def test_a_gate_with_inputs_of_its_own_sees_and_depends_on_these_only() -> None:
    section = "docs: {run: x, scope: repository, inputs: [README.md, 'docs/**']}"
    job = gate_job(with_gates(section), 0)

    assert job.source.inputs == ("README.md", "docs/**")
    assert moved(section, {"README.md": "new"}) == {"docs"}
    assert moved(section, {"apps/orders/handler.py": "new"}) == set()


def test_the_inputs_of_a_component_s_gate_may_name_its_folder() -> None:
    section = "unit: {run: x, inputs: ['{path}', libs/common]}"
    planned = gates(with_gates(section))

    assert planned["unit (customers)"].inputs == ("apps/customers", "libs/common")
    assert moved(section, {"apps/orders/handler.py": "new"}) == {"unit (orders)"}


def test_a_gate_with_paths_has_a_key_over_these_in_addition() -> None:
    section = "e2e: {run: x, scope: repository, paths: ['apps/**']}"
    before = with_gates(section).gates[0]
    after = with_gates(section, {"README.md": "new"}).gates[0]
    other = with_gates(section, {"apps/orders/handler.py": "new"}).gates[0]

    assert before.key != after.key
    assert before.paths_key == after.paths_key != other.paths_key


def test_what_changes_no_verdict_changes_no_key() -> None:
    plain = gates(with_gates("unit: {run: x}"))
    more = gates(with_gates("unit: {run: x, retries: 2, allow_failure: true, components: ['*']}"))

    assert {label: gate.key for label, gate in plain.items()} == {
        label: gate.key for label, gate in more.items()
    }


def test_the_whole_file_may_ask_for_an_early_end() -> None:
    assert plan(configuration=f"{CONFIGURATION}fail_fast: true\n").fail_fast
    assert not plan().fail_fast


def test_a_preset_brings_its_command_and_its_reports() -> None:
    (gate,) = with_gates("unit: {preset: pytest, components: [orders]}").gates

    assert gate.run == GATE_PRESETS["pytest"].command()
    assert [(report.kind, report.path) for report in gate.reports] == [
        (ReportKind.JUNIT, ".penstock-junit.xml")
    ]


def test_a_preset_with_another_version_of_its_tool_proves_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    section = "lint: {preset: ruff, components: [orders]}"
    before = with_gates(section).gates[0].key
    monkeypatch.setitem(GATE_PRESETS, "ruff", PythonTool("ruff", "99.0", "ruff check ."))

    assert with_gates(section).gates[0].key != before
