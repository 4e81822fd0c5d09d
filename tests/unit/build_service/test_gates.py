"""Gates are planned for what they name, on the files that they name."""

import pytest

from build_service.domain.comparing import gate_differences
from penstock_shared.contracts.change import Change
from penstock_shared.contracts.plan import Plan, PlannedGate, ReportKind
from penstock_shared.gate_presets import GATE_PRESETS
from penstock_shared.gate_presets.base import PythonTool
from penstock_shared.jobs import gate_job
from tests.support.builders import a_change
from tests.unit.build_service.test_planning import CONFIGURATION, plan

BEGINNING = CONFIGURATION[: CONFIGURATION.index("gates:")]
END = CONFIGURATION[CONFIGURATION.index("environments:") :]


def with_gates(
    gates: str, changes: dict[str, str] | None = None, change: Change | None = None
) -> Plan:
    return plan(changes, f"{BEGINNING}gates:\n  {gates}\n{END}", change)


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


@pytest.mark.parametrize(
    ("section", "changes", "differs"),
    [
        ("unit: {run: x}", {"libs/common/money.py": "new"}, ["libs/common", "libs/common/**"]),
        ("unit: {run: y}", {}, ["penstock.yml: gates.unit.run"]),
        ("unit: {run: x, inputs: ['{path}']}", {}, [
            "libs/common (is no input any more)", "libs/common/** (is no input any more)",
        ]),
        ("unit: {run: x}", {"README.md": "new"}, []),
    ],
)  # fmt: skip
def test_what_made_a_gate_run_is_named(
    section: str, changes: dict[str, str], differs: list[str]
) -> None:
    since, now = with_gates("unit: {run: x}"), with_gates(section, changes)
    before, gate = gates(since)["unit (orders)"], gates(now)["unit (orders)"]

    assert gate_differences(now, gate, since, before) == differs


def test_a_gate_of_the_repository_depends_on_the_whole_tree() -> None:
    section = "audit: {run: x, scope: repository}"
    since, now = with_gates(section), with_gates(section, {"README.md": "new"})

    assert gate_differences(now, now.gates[0], since, since.gates[0]) == ["."]


def test_gates_that_follow_a_deployment_are_planned_for_releases_only() -> None:
    section = "system: {run: x, scope: repository, after: deploy}"
    release, check = with_gates(section), with_gates(section, change=a_change(ref="refs/heads/x"))

    assert [gate.after for gate in release.gates] == ["staging"]
    assert release.release
    assert release.release.gates_in_staging
    assert check.gates == ()
    job = gate_job(release, 0)
    assert job.variables == {"PENSTOCK_STAGE": "staging", "ORDERS_FUNCTION": "orders-staging:live"}


def test_a_release_without_such_gates_waits_for_none() -> None:
    release = plan().release

    assert release
    assert not release.gates_in_staging


@pytest.mark.parametrize(
    ("until", "may_fail"), [("2026-01-01", []), ("2026-01-02", ["unit (orders)"])]
)
def test_a_gate_in_quarantine_may_fail_until_its_last_day(until: str, may_fail: list[str]) -> None:
    quarantine = f"quarantine: {{unit (orders): {{owner: ada, until: {until}, reason: clock}}}}\n"
    planned = plan(configuration=CONFIGURATION + quarantine)

    found = {gate.label: gate.quarantine for gate in planned.gates if gate.allow_failure}
    assert list(found) == may_fail
    assert set(found.values()) <= {"in quarantine until 2026-01-02, by ada: clock"}
    plain, quarantined = plan().gates[0], planned.gates[0]
    assert plain.key == quarantined.key


PREPARED = "prepare: {run: make env, keep: [.venv], inputs: [README.md]}\n"


def prepared(changes: dict[str, str] | None = None, prepare: str = PREPARED) -> Plan:
    configuration = CONFIGURATION.replace("gates:\n", f"{prepare}gates:\n  plain: {PLAIN}\n")
    return plan(changes, configuration)


PLAIN = "{run: x, prepare: false, inputs: ['{path}']}"


def test_a_job_is_given_what_its_file_prepares_and_the_files_that_it_is_made_from() -> None:
    planned = prepared()
    job = gate_job(planned, [gate.label for gate in planned.gates].index("unit (orders)"))

    assert job.prepare == planned.prepare
    assert "README.md" in job.source.inputs


def test_what_is_prepared_is_in_the_key_of_every_result_that_it_may_change() -> None:
    before = prepared()
    for after in (
        prepared({"README.md": "another lock file"}),
        prepared(prepare=PREPARED.replace("make env", "make other")),
    ):
        moved = {
            one.label
            for one, other in zip(before.gates, after.gates, strict=True)
            if one.key != other.key
        }
        assert moved == {"unit (orders)", "unit (customers)", "licences"}
        builds = [
            (one.build.key, other.build.key)
            for one, other in zip(before.components, after.components, strict=True)
            if one.build and other.build and one.build.prepared
        ]
        assert [one == other for one, other in builds] == [False]


def test_a_component_may_prepare_its_own() -> None:
    own = "path: apps/orders\n    prepare: {run: npm ci, keep: [node_modules], inputs: [libs]}"
    planned = plan(
        configuration=CONFIGURATION.replace("path: apps/orders", own).replace(
            "gates:\n", f"{PREPARED}gates:\n"
        )
    )

    assert {
        gate.label: (made.run, made.workdir) if (made := gate_job(planned, number).prepare) else ""
        for number, gate in enumerate(planned.gates)
    } == {
        "unit (orders)": ("npm ci", "apps/orders"),
        "unit (customers)": ("make env", "."),
        "licences": ("make env", "."),
    }


def test_a_cache_is_in_no_key() -> None:
    plain = gates(with_gates("unit: {run: x}"))
    cached = gates(with_gates("unit: {run: x, cache: [.mypy_cache]}"))

    assert cached["unit (orders)"].cache == (".mypy_cache",)
    assert plain["unit (orders)"].key == cached["unit (orders)"].key
