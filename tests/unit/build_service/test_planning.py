"""Only what changed: keys come from git's own ids, and from nothing else."""

import pytest

from build_service.domain.errors import BuildError
from build_service.domain.planning import Planner, artifact_memo_key, with_known_artifacts
from build_service.domain.source import SourceTree
from build_service.domain.trust import trust_of
from penstock_shared.configuration import read_configuration
from penstock_shared.contracts.change import Change, Intent, Trust
from penstock_shared.contracts.plan import Plan, PlannedComponent
from tests.support.builders import FLOW_ID, NOW, SNAPSHOT, a_change
from tests.unit.build_service.sources import a_tree

FILES = {
    "apps/orders/handler.py": "orders",
    "apps/customers/handler.py": "customers",
    "libs/common/money.py": "money",
    "README.md": "read me",
}
CONFIGURATION = """\
version: 1
components:
  orders:
    path: apps/orders
    watch: ["libs/common/**"]
    depends_on: [customers]
    build: {preset: python-lambda, include: [libs/common]}
    deploy: {driver: lambda, function: orders}
  customers:
    path: apps/customers
    build: {run: make, artifact: out/app.zip}
gates:
  unit: {run: pytest}
  licences: {run: check, scope: repository}
environments: {staging: , production: {stage: live}}
release: {from: staging, to: production, bake: 5s}
"""


def plan(
    changes: dict[str, str] | None = None,
    configuration: str = CONFIGURATION,
    change: Change | None = None,
) -> Plan:
    tree = a_tree(FILES | (changes or {}))
    return plan_of(tree, configuration, change or a_change())


def plan_of(tree: SourceTree, configuration: str, change: Change) -> Plan:
    planner = Planner(change, trust_of(change), read_configuration(configuration), tree, SNAPSHOT)
    return planner.plan(FLOW_ID, NOW)


def component(planned: Plan, name: str) -> PlannedComponent:
    return planned.component(name)


def changed(changes: dict[str, str], configuration: str = CONFIGURATION) -> set[str]:
    """The names of the components whose key differs after the change."""
    before, after = plan(), plan(changes, configuration)
    return {
        name
        for name in ("orders", "customers")
        if component(before, name).key != component(after, name).key
    }


def test_a_component_changes_with_its_own_files() -> None:
    assert changed({"apps/customers/handler.py": "new"}) == {"customers"}


def test_a_component_changes_with_what_it_watches() -> None:
    assert changed({"libs/common/money.py": "new"}) == {"orders"}


def test_a_new_file_in_a_watched_folder_counts() -> None:
    assert changed({"libs/common/deep/er.py": "new"}) == {"orders"}


def test_documents_change_no_component() -> None:
    assert changed({"README.md": "new", "docs/new.md": "new"}) == set()


def test_a_recipe_is_part_of_what_is_built() -> None:
    assert changed({}, CONFIGURATION.replace("run: make", "run: make all")) == {"customers"}


def test_how_it_is_deployed_changes_the_component_but_not_its_artifact() -> None:
    more = CONFIGURATION.replace("function: orders", "function: orders, memory: 512")
    before, after = plan(), plan(configuration=more)

    assert changed({}, more) == {"orders"}
    assert component(before, "orders").artifact == component(after, "orders").artifact


def test_the_same_content_in_another_repository_is_another_artifact() -> None:
    other = plan(change=a_change(repository="evil/shop"))

    assert component(plan(), "orders").key != component(other, "orders").key


@pytest.mark.parametrize(
    ("history", "moves"), [("none", False), ("commit", False), ("tags", True), ("full", True)]
)
def test_what_is_made_of_commits_and_tags_changes_with_them(history: str, moves: bool) -> None:
    tagged = SNAPSHOT.model_copy(update={"sha256": "7" * 64})
    configuration = read_configuration(f"{CONFIGURATION}history: {history}\n")

    before, after = (
        Planner(a_change(), Trust.RELEASE, configuration, a_tree(FILES), snapshot).plan(
            FLOW_ID, NOW
        )
        for snapshot in (SNAPSHOT, tagged)
    )

    assert [one.key != two.key for one, two in zip(before.gates, after.gates, strict=True)] == [
        moves
    ] * 3
    assert {
        name
        for name in ("orders", "customers")
        if component(before, name).key != component(after, name).key
    } == ({"orders", "customers"} if moves else set())


def test_a_gate_s_key_moves_with_its_component_only() -> None:
    def keys(planned: Plan) -> dict[tuple[str, str | None], str]:
        return {(gate.name, gate.component): gate.key for gate in planned.gates}

    before, after = keys(plan()), keys(plan({"apps/customers/handler.py": "new"}))

    moved = {gate for gate in before if before[gate] != after[gate]}
    assert moved == {("unit", "customers"), ("licences", None)}


def test_the_release_names_its_environments_and_stages() -> None:
    release = plan().release

    assert release
    assert release.staging
    assert (release.staging.name, release.staging.stage) == ("staging", "staging")
    assert (release.production.name, release.production.stage) == ("production", "live")
    assert release.bake == 5
    assert release.version == "2026.01.02-aaaaaaa"


def test_a_branch_that_is_only_checked_plans_no_release() -> None:
    planned = plan(change=a_change(ref="refs/heads/feature/x"))

    assert planned.intent is Intent.CHECK
    assert planned.release is None


def test_a_folder_that_is_not_there_is_named() -> None:
    missing = CONFIGURATION.replace("apps/customers", "apps/costumers")

    with pytest.raises(BuildError, match=r"components\.customers\.path.*'apps/costumers'"):
        plan(configuration=missing)


def test_a_preset_becomes_a_command_that_a_runner_can_run() -> None:
    build = component(plan(), "orders").build

    assert build
    assert "--include ../../libs/common" in build.run
    target = "--runtime python3.13 --architecture x86_64 --handler handler.handler"
    assert target in build.run


def test_another_version_of_the_presets_makes_another_artifact_of_what_they_build() -> None:
    def keys(presets: str) -> dict[str, str]:
        configuration = read_configuration(CONFIGURATION)
        planner = Planner(
            a_change(), Trust.RELEASE, configuration, a_tree(FILES), SNAPSHOT, presets
        )
        components = planner.plan(FLOW_ID, NOW).components
        return {one.name: one.build.key for one in components if one.build}

    before, after = keys("1"), keys("2")

    assert {name for name in before if before[name] != after[name]} == {"orders"}


def test_what_an_earlier_flow_built_is_taken_from_it() -> None:
    planned = plan()
    orders = component(planned, "orders")
    known = {
        artifact_memo_key(planned.change, orders): {
            "flow_id": "earlier",
            "artifact": {"key": "artifacts/x.zip", "sha256": "s", "size": 1},
        }
    }

    filled = with_known_artifacts(planned, known)

    assert not component(filled, "orders").built
    assert component(filled, "orders").reason == "unchanged since flow earlier"
    assert component(filled, "customers").built


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("libs/**", "libs/a/b.py", True),
        ("libs/*", "libs/a/b.py", False),
        ("**/*.py", "b.py", True),
        ("**/*.py", "a/b.py", True),
        ("*.lock", "a/uv.lock", False),
        ("setup.???", "setup.cfg", True),
    ],
)
def test_watch_patterns_cross_folders_only_with_two_stars(
    pattern: str, path: str, matches: bool
) -> None:
    before, after = a_tree({"x": "1"}), a_tree({"x": "1", path: "new"})

    assert (before.digest(pattern) != after.digest(pattern)) is matches
