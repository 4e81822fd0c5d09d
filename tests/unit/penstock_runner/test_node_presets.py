"""What `preset: node-lambda` and `preset: npm-package` make, with the real npm and esbuild."""

import io
import json
import os
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from penstock_runner.presets import node_lambda, npm_package
from penstock_runner.presets.tools import node_variables, npm
from tests.support.wheels import native_code

ESBUILD = Path(__file__).parents[3] / "node_modules" / "esbuild"
HANDLER = "exports.handler = async () => require('polite').greet();"
FUNCTION = ["--runtime", "nodejs24.x", "--handler", "index.handler"]


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("npm_config_offline", "true")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm-cache"))


@pytest.fixture
def component(tmp_path: Path) -> Path:
    """A function with one package to run with, and one to develop with."""
    folder = tmp_path / "one" / "orders"
    write(folder, {"index.js": HANDLER, "index.test.js": "", "__tests__/x.js": ""})
    for name in ("polite", "tester"):
        a_package(folder / "packed", name)
    a_manifest(
        folder,
        dependencies={"polite": "file:packed/polite.tgz"},
        devDependencies={"tester": "file:packed/tester.tgz"},
    )
    return folder


def test_a_function_has_its_production_packages(
    component: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock(component)

    assert make(component) == 0

    assert names_in(component) == [
        "index.js",
        "node_modules/polite/index.js",
        "node_modules/polite/package.json",
        "package-lock.json",
        "package.json",
        "packed/polite.tgz",
        "packed/tester.tgz",
    ]
    assert "imported with Node 24" in capsys.readouterr().out


def test_the_same_lock_makes_the_same_bytes_elsewhere(component: Path, tmp_path: Path) -> None:
    lock(component)
    elsewhere = tmp_path / "another" / "place"
    shutil.copytree(component, elsewhere)
    os.utime(elsewhere / "index.js", (1, 1))

    assert make(component) == make(elsewhere) == 0

    assert bytes_of(component) == bytes_of(elsewhere)


def test_packages_without_a_lock_are_refused(
    component: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert make(component) == 1

    assert "package.json depends on polite, and there is no package-lock.json" in told(capsys)


def test_a_lock_that_does_not_fit_is_refused(
    component: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock(component)
    a_manifest(component, dependencies={"other": "^2.0.0"})

    assert make(component) == 1

    assert "package-lock.json could not be installed" in told(capsys)


def test_install_scripts_of_packages_never_run(component: Path) -> None:
    script = {"install": "node -e \"require('fs').writeFileSync('ran', '')\""}
    a_package(component / "packed", "polite", scripts=script)
    lock(component)

    assert make(component) == 0

    assert "node_modules/polite/ran" not in names_in(component)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--handler", "index.main"], "index.js exports no function main"),
        (["--handler", "api.main"], "the handler api.main would be in api.js, and the zip"),
        (["--handler", "broken.main"], "broken cannot be imported from the zip"),
        (["--handler", "needy.main"], "Cannot find module 'nowhere'"),
    ],
)
def test_a_handler_that_is_not_there_is_refused(
    arguments: list[str], reason: str, component: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(component, {"broken.js": "no javascript", "needy.js": "require('nowhere')"})
    lock(component)

    assert make(component, "--runtime", "nodejs24.x", *arguments) == 1

    assert reason in told(capsys)


def test_lambda_brings_the_sdk_along(component: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(component, {"index.js": "require('@aws-sdk/client-s3')"})
    lock(component)

    assert make(component) == 0

    assert "index raised an error here" in capsys.readouterr().out


def test_without_such_a_node_it_is_said(
    component: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock(component)

    assert make(component, "--runtime", "nodejs99.x", "--handler", "index.handler") == 0

    assert "not imported: no Node 99 on this machine" in capsys.readouterr().out


def test_native_code_of_another_machine_is_refused(
    component: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (component / "fast.node").write_bytes(native_code(183))
    lock(component)

    assert make(component, *FUNCTION, "--architecture", "x86_64") == 1

    assert "fast.node is native code for arm64" in told(capsys)


def test_a_bundle_is_one_file_of_typescript_and_packages(
    component: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_esbuild(component)
    elsewhere = tmp_path / "another" / "place"
    shutil.copytree(component, elsewhere, symlinks=True)

    for folder in (component, elsewhere):
        assert make(folder, *FUNCTION, "--entry", "src/api.ts") == 0
        assert names_in(folder) == ["index.js"]

    assert "imported with Node 24" in capsys.readouterr().out
    assert bytes_of(component) == bytes_of(elsewhere)


def test_typescript_with_a_mistake_is_told_in_the_words_of_esbuild(
    component: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_esbuild(component)
    write(component, {"src/api.ts": "import { gone } from './nowhere'; gone();"})

    assert make(component, *FUNCTION, "--entry", "src/api.ts") == 1

    assert 'Could not resolve "./nowhere"' in told(capsys)


def test_a_bundle_without_esbuild_is_refused(
    component: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock(component)

    assert make(component, *FUNCTION, "--entry", "index.js") == 1

    assert "package-lock.json has none: `npm install --save-dev esbuild`" in told(capsys)


def test_typescript_alone_is_no_function(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, {"index.ts": ""})

    assert make(tmp_path) == 1

    assert "there is no JavaScript in" in told(capsys)


class TestNpmPackages:
    def test_two_builds_are_the_same_tarball(self, component: Path, tmp_path: Path) -> None:
        a_manifest(component, files=["index.js"])
        elsewhere = tmp_path / "another" / "place"
        shutil.copytree(component, elsewhere)
        os.utime(elsewhere / "index.js", (1, 1))

        for folder in (component, elsewhere):
            assert npm_package.main(["--source", str(folder), "--output", str(folder / "p")]) == 0

        with tarfile.open(component / "p") as tarball:
            assert sorted(tarball.getnames()) == ["package/index.js", "package/package.json"]
        assert (component / "p").read_bytes() == (elsewhere / "p").read_bytes()

    def test_its_own_scripts_run_with_their_tools(self, component: Path) -> None:
        write(component, {"make.js": "require('tester'); require('fs').writeFileSync('made', '')"})
        a_manifest(
            component,
            devDependencies={"tester": "file:packed/tester.tgz"},
            files=["made"],
            scripts={"prepack": "node make.js"},
        )
        lock(component)

        output = component / "p"
        assert npm_package.main(["--source", str(component), "--output", str(output)]) == 0

        with tarfile.open(output) as tarball:
            assert "package/made" in tarball.getnames()

    @pytest.mark.parametrize(
        ("text", "reason"),
        [("{}", "has no package.json with a name"), ("{", "package.json cannot be read")],
    )
    def test_what_is_no_package_is_refused(
        self, text: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write(tmp_path, {"package.json": text})

        assert npm_package.main(["--source", str(tmp_path), "--output", str(tmp_path / "p")]) == 1
        assert reason in told(capsys)


def make(folder: Path, *arguments: str) -> int:
    output = str(folder / ".penstock-artifact.zip")
    given = arguments or FUNCTION
    return node_lambda.main(["--source", str(folder), "--output", output, *given])


def names_in(folder: Path) -> list[str]:
    with zipfile.ZipFile(folder / ".penstock-artifact.zip") as opened:
        return opened.namelist()


def bytes_of(folder: Path) -> bytes:
    return (folder / ".penstock-artifact.zip").read_bytes()


def told(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def a_manifest(folder: Path, **more: Any) -> None:
    content = {"name": "orders", "version": "1.0.0", **more}
    (folder / "package.json").write_text(json.dumps(content))


def a_package(folder: Path, name: str, **more: Any) -> None:
    """A tarball as a registry has it."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest = json.dumps({"name": name, "version": "1.0.0", **more})
    with tarfile.open(folder / f"{name}.tgz", "w:gz") as tarball:
        for file, text in {
            "package.json": manifest,
            "index.js": "exports.greet = () => 'hi';",
        }.items():
            member = tarfile.TarInfo(f"package/{file}")
            member.size = len(text)
            tarball.addfile(member, io.BytesIO(text.encode()))


def with_esbuild(folder: Path) -> None:
    """The esbuild that this repository's own lock brings along."""
    a_manifest(
        folder,
        dependencies={"polite": "file:packed/polite.tgz"},
        devDependencies={"esbuild": f"file:{ESBUILD}"},
    )
    source = "import { greet } from 'polite';\nexport const handler = (): string => greet();"
    write(folder, {"src/api.ts": source})
    lock(folder)


def lock(folder: Path) -> None:
    command = [*npm(), "install", "--package-lock-only", "--ignore-scripts", "--loglevel=error"]
    subprocess.run(command, cwd=folder, env={**os.environ, **node_variables()}, check=True)
