"""What the jobs of a component can read, and so what its keys hold."""

import pytest

from build_service.domain.inputs import CONFIGURATION_FILES, WHOLE, Inputs
from penstock_shared.configuration import read_configuration
from penstock_shared.inputs import PathIndex
from tests.unit.build_service.sources import a_tree

FILES = {
    "apps/orders/handler.py": "orders",
    "apps/orders/pyproject.toml": "its own",
    "apps/billing/handler.py": "billing",
    "apps/conftest.py": "of all apps",
    "libs/conftest.py": "of all libs",
    "libs/money/a.py": "money",
    "scripts/build.sh": "build",
    "conftest.py": "of all",
    "requirements-dev.txt": "pytest",
    "tsconfig.base.json": "{}",
    "README.md": "read me",
    "penstock.yml": "version: 1",
}


def inputs_of(section: str, more: str = "", files: dict[str, str] | None = None) -> set[str]:
    text = f"version: 1\n{more}\ncomponents:\n  orders: {section}\n"
    configuration = read_configuration(text)
    inputs = Inputs(a_tree(FILES | (files or {})), configuration)
    return set(inputs.of(configuration.components["orders"]))


ROOT = {"conftest.py", "requirements-dev.txt", "tsconfig.base.json"}


def test_a_component_s_inputs_are_its_path_and_the_configuration_above_it() -> None:
    found = inputs_of("{path: apps/orders}")

    assert found == {"apps/orders", "apps/conftest.py", *ROOT}


def test_what_it_watches_and_includes_are_inputs_too() -> None:
    build = "{preset: python-lambda, include: [libs/money]}"

    found = inputs_of(f"{{path: apps/orders, watch: ['scripts/*.sh'], build: {build}}}")

    assert found - ROOT == {"apps/orders", "apps/conftest.py", "scripts/*.sh", "libs/money"}


def test_what_the_file_watches_is_an_input_of_every_component() -> None:
    assert "tools/**" in inputs_of("{path: apps/orders}", more="watch: [tools/**]")


@pytest.mark.parametrize(
    "section", ["{}", "{path: apps/orders, watch: [.]}", "{path: apps/orders, watch: [./]}"]
)
def test_a_component_at_the_root_sees_the_whole_tree(section: str) -> None:
    assert inputs_of(section) == set(WHOLE)


def test_a_folder_with_signs_of_a_pattern_in_its_name_is_only_itself() -> None:
    (pattern, *_) = sorted(
        inputs_of("{path: 'apps/[x]'}", files={"apps/[x]/page.ts": "", "apps/x/page.ts": ""})
        - ROOT
        - {"apps/conftest.py"}
    )

    index = PathIndex(["apps/[x]/page.ts", "apps/x/page.ts", "apps/[x]"])
    assert list(index.named_by(pattern)) == ["apps/[x]/page.ts"]


def test_a_name_that_is_no_text_is_no_configuration() -> None:
    assert inputs_of("{path: apps/orders}", files={"requirements\udcff.txt": ""}) == inputs_of(
        "{path: apps/orders}"
    )


def test_penstock_yml_is_no_input_since_its_sections_are_in_the_keys() -> None:
    assert "penstock.yml" not in CONFIGURATION_FILES


@pytest.mark.parametrize(
    ("pattern", "named"),
    [
        ("a", ["a", "a/b", "a/c/d"]),
        ("a/**", ["a/b", "a/c/d"]),
        ("a/*", ["a/b"]),
        ("a/b", ["a/b"]),
        ("*", ["a", "a-b", "a0"]),
        ("**/d", ["a/c/d"]),
        ("nothing", []),
        ("**", ["a", "a-b", "a/b", "a/c/d", "a0"]),
    ],
)
def test_a_pattern_names_the_same_files_for_keys_and_for_trees(
    pattern: str, named: list[str]
) -> None:
    files = dict.fromkeys(("a-b", "a/b", "a/c/d", "a0"), "1")

    assert list(PathIndex([*files, "a"]).named_by(pattern)) == named
    changed = {
        path
        for path in files
        if a_tree(files).digest(pattern) != a_tree(files | {path: "2"}).digest(pattern)
    }
    assert changed == set(named) & set(files)
