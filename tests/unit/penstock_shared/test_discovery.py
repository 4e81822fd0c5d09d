"""What a repository without a `penstock.yml` is read into."""

from collections.abc import Mapping

import pytest

from penstock_shared.configuration import Configuration, read_configuration
from penstock_shared.contracts.change import Intent
from penstock_shared.discovery import Files, discovered_configuration

PACKAGE = '[project]\nname = "x"\nversion = "1"\n[build-system]\nrequires = []\n'
PROJECT = '[project]\nname = "x"\nversion = "1"\n'


def text_of(tree: Mapping[str, str]) -> str | None:
    return discovered_configuration(Files(tree, lambda path: tree[path].encode()))


def read(tree: Mapping[str, str]) -> Configuration:
    text = text_of(tree)
    assert text is not None
    return read_configuration(text)


def builds(configuration: Configuration) -> dict[str, str | None]:
    return {
        name: (each.build.preset or each.build.run) if each.build else None
        for name, each in configuration.components.items()
    }


def gates(configuration: Configuration) -> dict[str, tuple[str, ...]]:
    return {name: each.components for name, each in configuration.gates.items()}


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({"pyproject.toml": PACKAGE, "x.py": ""}, {"app": "python-package"}),
        ({"requirements.txt": "", "x.py": ""}, {"app": None}),
        ({"package.json": '{"name": "x", "version": "1"}'}, {"app": None}),
        (
            {"package.json": '{"name": "x", "version": "1"}', "package-lock.json": ""},
            {"app": "npm-package"},
        ),
        (
            {
                "package.json": '{"scripts": {"build": "vite build"},'
                ' "devDependencies": {"vite": "7"}}',
                "package-lock.json": "",
            },
            {"app": "static-site"},
        ),
        (
            {
                "package.json": '{"private": true, "scripts": {"build": "tsc"}}',
                "package-lock.json": "",
            },
            {"app": "npm ci && npm run build"},
        ),
        (
            {
                "serverless.yml": "provider: {runtime: python3.13}\nfunctions: {a: {handler: x}}",
                "x.py": "",
            },
            {"app": "python-lambda"},
        ),
        (
            {
                "serverless.yml": "provider:\n  runtime: nodejs22.x\n"
                "  role: !GetAtt Role.Arn\nfunctions:\n  a: {handler: x.y}\n",
                "x.js": "",
                "package.json": "{}",
                "package-lock.json": "",
            },
            {"app": "node-lambda"},
        ),
    ],
)
def test_one_project_is_one_component(
    tree: Mapping[str, str], expected: dict[str, str | None]
) -> None:
    assert builds(read(tree)) == expected


def test_the_functions_of_sam_are_components_where_their_code_is() -> None:
    template = (
        "Globals: {Function: {Runtime: python3.12}}\n"
        "Resources:\n"
        "  Orders:\n"
        "    Type: AWS::Serverless::Function\n"
        "    Properties: {CodeUri: functions/orders/, Handler: app.handler, Role: !Ref Role}\n"
        "  Web:\n"
        "    Type: AWS::Serverless::Function\n"
        "    Properties: {CodeUri: functions/web, Runtime: nodejs22.x}\n"
        "  Table: {Type: AWS::DynamoDB::Table}\n"
        "  Outside:\n"
        "    Type: AWS::Serverless::Function\n"
        "    Properties: {CodeUri: ../elsewhere}\n"
    )
    found = read(
        {
            "template.yaml": template,
            "functions/orders/app.py": "",
            "functions/web/index.js": "",
            "functions/web/package.json": "{}",
            "functions/web/package-lock.json": "{}",
        }
    )

    assert builds(found) == {"orders": "python-lambda", "web": "node-lambda"}


MONOREPO = {
    "package.json": '{"devDependencies": {"osls": "4"}}',
    "pyproject.toml": "[tool.ruff]\n[tool.mypy]\n",
    "services/orders/requirements.txt": "boto3\n",
    "services/orders/handler.py": "import json\nfrom money import euros\nimport pricing\n",
    "services/orders/pricing.py": "",
    "services/orders/tests/test_pricing.py": "",
    "services/web/package.json": '{"scripts": {"test": "node --test"}, '
    '"dependencies": {"@shop/ui": "*", "util": "file:../../libs/util"}}',
    "services/web/package-lock.json": "{}",
    "services/web/index.ts": "import { x } from '../../libs/dates/src/today';",
    "services/web/tsconfig.json": "{}",
    "libs/money/src/money/__init__.py": "",
    "libs/dates/package.json": '{"name": "dates"}',
    "libs/dates/src/today.ts": "",
    "libs/util/index.js": "",
    "libs/ui/package.json": '{"name": "@shop/ui"}',
    "docs/conf/requirements.txt": "",
    "docs/conf/conf.py": "",
}


def test_a_monorepo_is_its_parts_with_what_they_share() -> None:
    found = read(MONOREPO)

    assert {name: each.path for name, each in found.components.items()} == {
        "orders": "services/orders",
        "web": "services/web",
    }
    assert found.components["orders"].watch == ("libs/money",)
    assert set(found.components["web"].watch) == {"libs/dates", "libs/ui", "libs/util"}


def test_gates_are_the_tools_that_a_repository_sets_up_and_what_they_are_for() -> None:
    assert gates(read(MONOREPO)) == {
        "ruff": ("orders",),
        "mypy": ("orders",),
        "tsc": ("web",),
        "pytest": ("orders",),
        "npm-test": ("web",),
    }


def test_npm_tests_without_a_lock_run_by_a_command() -> None:
    found = read({"package.json": '{"scripts": {"test": "xo && ava"}}'})

    assert found.gates["npm-test-unlocked"].run == "npm install --no-audit --no-fund && npm test"


def test_tests_that_are_of_no_component_run_once_at_the_root() -> None:
    found = read(MONOREPO | {"tests/test_all.py": "", "examples/tests/test_x.py": ""})

    assert found.gates["tests"].preset == "pytest"
    assert found.gates["tests"].scope.value == "repository"
    assert gates(found)["pytest"] == ("orders",)


def test_a_function_includes_the_libraries_that_it_imports() -> None:
    serverless = "provider: {runtime: python3.13}\nfunctions: {a: {handler: handler.main}}\n"

    orders = read(MONOREPO | {"services/orders/serverless.yml": serverless}).components["orders"]

    assert orders.build
    assert orders.build.include == ("libs/money/src",)


def test_a_module_of_which_there_are_two_is_not_guessed() -> None:
    found = read(MONOREPO | {"other/money/__init__.py": ""})

    assert found.components["orders"].watch == ()


def test_equal_folders_get_names_of_their_own() -> None:
    tree = {f"{team}/api/{name}": "" for team in ("a", "b") for name in ("x.py", "setup.py")}

    assert set(read(tree).components) == {"a-api", "b-api"}


def test_nothing_that_was_guessed_is_released() -> None:
    found = read(MONOREPO)

    assert found.intent_of("main") is Intent.CHECK
    assert all(each.deploy is None for each in found.components.values())


@pytest.mark.parametrize(
    "tree",
    [
        {},
        {"README.md": "", "main.c": ""},
        {"requirements.txt": "black"},
        {"node_modules/x/package.json": "{}", ".github/a/package.json": "{}"},
    ],
)
def test_what_is_not_recognised_is_nothing(tree: Mapping[str, str]) -> None:
    assert text_of(tree) is None


HOSTILE = {
    "serverless.yml": "a: &a [*a]",
    "a/serverless.yml": "functions: [1]\nprovider: {runtime: [python3.13]}",
    "b/template.yaml": "Resources: {x: {Type: AWS::Serverless::Function, Properties: 1}}",
    "c/package.json": '{"scripts": [], "dependencies": 7, "workspaces": null}',
    "d/pyproject.toml": "[[[",
    "d/x.py": "import \x00\nfrom . import x\nimport " + "a" * 100_000,
    "e/package.json": "[" * 100_000,
    "f: {}\n# }/package.json": "{}",
    "'; rm -rf /'/package.json": '{"name": "\\u0000"}',
    "yes/package.json": "{}",
    "123/package.json": "{}",
    "g/package.json": '{"dependencies": {"x": "file:../../../etc"}}',
    "g/x.js": "import '../../../../etc/passwd'; require('../c/x')",
    "h/[slug]/package.json": "{}",
    "\udc80/package.json": "{}",
}


def test_hostile_files_make_a_file_that_can_be_read() -> None:
    found = read(HOSTILE)

    paths = {each.path for each in found.components.values()}
    assert {"yes", "123", "c", "g"} <= paths
    assert not [
        watched for each in found.components.values() for watched in each.watch if ".." in watched
    ]
