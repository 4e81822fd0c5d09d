"""The zip that `preset: python-lambda` makes."""

import os
import platform
import shutil
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from penstock_runner.presets.python_lambda import main
from tests.support.wheels import a_sdist, a_wheel, backend_of, native_code

HERE = "x86_64" if platform.machine() == "x86_64" else "arm64"
ELSEWHERE = "arm64" if HERE == "x86_64" else "x86_64"
RUNTIME = f"python3.{sys.version_info[1]}"
COMMON = ["--include", "../../libs/common/src"]
COMMAND = [sys.executable, "-I", "-m", "penstock_runner.presets.python_lambda"]
PROJECT = '[project]\nname = "orders"\nversion = "1"\ndependencies = ["{}"]\n'
Refused = Callable[..., str]


@pytest.fixture
def component(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, content in {
        "services/orders/handler.py": "import common",
        "services/orders/pricing/table.json": "{}",
        "services/orders/requirements.txt": "# none yet\n\n",
        "services/orders/tests/test_handler.py": "",
        "services/orders/conftest.py": "",
        "services/orders/test_more.py": "",
        "services/orders/.env": "SECRET=1",
        "services/orders/.cache/x": "",
        "services/orders/__pycache__/handler.cpython-311.pyc": "",
        "libs/common/src/common/__init__.py": "",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    monkeypatch.chdir(tmp_path / "services/orders")
    return tmp_path / "services/orders"


def make(*more: str, source: str = ".", output: str = "dist/out.zip") -> int:
    Path(output).parent.mkdir(exist_ok=True)
    return main(["--source", source, *COMMON, "--runtime", RUNTIME, "--output", output, *more])


@pytest.fixture
def refused(component: Path, capsys: pytest.CaptureFixture[str]) -> Refused:
    """What is told when no zip can be made."""

    def ask(*arguments: str, source: str = ".") -> str:
        assert make(*arguments, source=source) == 1
        return capsys.readouterr().err

    return ask


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages, the only place where installers look."""
    settings = tmp_path / "uv.toml"
    settings.write_text(f'no-index = true\nfind-links = ["{tmp_path / "index"}"]\n')
    monkeypatch.setenv("UV_CONFIG_FILE", str(settings))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    return tmp_path / "index"


def names_in(bundle: Path) -> list[str]:
    with zipfile.ZipFile(bundle) as opened:
        return opened.namelist()


def test_it_holds_what_the_function_needs_and_no_more(component: Path) -> None:
    assert make() == 0

    assert names_in(component / "dist/out.zip") == [
        "common/__init__.py",
        "handler.py",
        "pricing/table.json",
        "requirements.txt",
    ]


def test_the_same_files_make_the_same_bytes(component: Path, tmp_path: Path) -> None:
    make()
    first = (component / "dist/out.zip").read_bytes()
    copy = tmp_path / "services/copy"
    shutil.copytree(component, copy, ignore=shutil.ignore_patterns("dist"))
    os.utime(copy / "handler.py", (1, 1))
    (copy / "handler.py").chmod(0o600)

    make(source=str(copy), output="dist/second.zip")

    assert (component / "dist/second.zip").read_bytes() == first


def test_programs_stay_executable(component: Path) -> None:
    (component / "run.sh").write_text("#!/bin/sh")
    (component / "run.sh").chmod(0o755)
    make()

    with zipfile.ZipFile(component / "dist/out.zip") as opened:
        modes = {entry.filename: entry.external_attr >> 16 for entry in opened.infolist()}
        times = {entry.date_time for entry in opened.infolist()}
    assert stat.S_IMODE(modes["run.sh"]) == 0o755
    assert stat.S_IMODE(modes["handler.py"]) == 0o644
    assert times == {(1980, 1, 1, 0, 0, 0)}


def test_two_files_of_one_name_are_an_error(component: Path, refused: Refused) -> None:
    (component / "common").mkdir()
    (component / "common/__init__.py").write_text("another")

    assert "common/__init__.py comes from both" in refused()


@pytest.mark.parametrize(
    ("source", "arguments", "reason"),
    [
        ("nowhere", [], "there is no folder nowhere"),
        (".cache", ["--include", "gone"], "there is no folder .cache/"),
        ("tests", ["--runtime", "java21"], "there is no runtime java21 on x86_64"),
        (".", ["--architecture", "sparc"], f"there is no runtime {RUNTIME} on sparc"),
        (".", ["--handler", "handler.main"], "handler has no function main"),
        (".", ["--handler", "api.main"], "the handler api.main would be in api.py, and the zip"),
    ],
)
def test_what_cannot_be_made_is_explained(
    source: str, arguments: list[str], reason: str, component: Path, refused: Refused
) -> None:
    assert refused(*arguments, source=source).startswith(f"python-lambda: {reason}")
    assert not (component / "dist/out.zip").exists()


@pytest.mark.parametrize("folder", ["tests", "pricing"])
def test_a_folder_without_code_makes_no_function(folder: str, component: Path) -> None:
    told = subprocess.run(
        [*COMMAND, "--source", folder, "--runtime", RUNTIME, "--output", "out.zip"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert told.returncode == 1
    assert told.stderr.startswith("python-lambda: there is no Python code in ")
    assert not (component / "out.zip").exists()


def test_it_runs_with_nothing_but_an_interpreter(component: Path) -> None:
    """Even in a folder whose files have the names of Python's own modules."""
    (component / "zipfile.py").write_text("raise SystemExit('shadowed')")

    finished = subprocess.run(
        [*COMMAND, "--source", ".", "--runtime", RUNTIME, "--output", "out.zip"],
        env={},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout.endswith("bytes\n")


def test_the_handler_may_be_in_src(component: Path) -> None:
    (component / "src/orders").mkdir(parents=True)
    (component / "src/orders/api.py").write_text("import common\ndef handle(event, context): ...")

    assert make("--handler", "orders.api.handle") == 0

    assert "orders/api.py" in names_in(component / "dist/out.zip")


class TestTheTrialImport:
    """Of the handler from the zip, in an interpreter that finds nothing else."""

    def test_it_is_told(self, component: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (component / "handler.py").write_text("import boto3, common\ndef handler(*_): ...")

        assert make("--handler", "handler.handler") == 0
        assert f"imported with Python 3.{sys.version_info[1]}" in capsys.readouterr().out

    def test_packages_of_this_machine_are_not_found(
        self, component: Path, refused: Refused
    ) -> None:
        (component / "handler.py").write_text("import pytest\ndef handler(*_): ...")

        told = refused("--handler", "handler.handler")

        assert "handler cannot be imported from the zip" in told
        assert "No module named 'pytest'" in told

    def test_an_error_of_the_code_itself_is_only_told(
        self, component: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """It may need variables that only the deployed function has."""
        (component / "handler.py").write_text("import os\nos.environ['TABLE_NAME']")

        assert make("--handler", "handler.handler") == 0
        assert "KeyError: 'TABLE_NAME'" in capsys.readouterr().out

    def test_without_such_an_interpreter_it_is_said(
        self, component: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (component / "handler.py").write_text("this is no Python")

        assert make("--handler", "handler.handler", "--runtime", "python3.99") == 0
        assert "not imported: no Python 3.99 on this machine" in capsys.readouterr().out


class TestPackages:
    """From folders, so that the tests need no network."""

    def test_requirements_txt_comes_first(self, component: Path, tmp_path: Path) -> None:
        (component / "requirements.txt").write_text(f"{a_wheel(tmp_path)}  # our own\n")
        (component / "pyproject.toml").write_text(PROJECT.format("nowhere"))

        assert make() == 0

        names = names_in(component / "dist/out.zip")
        assert "greeting/__init__.py" in names
        assert "greeting-1.0.dist-info/METADATA" in names
        assert not [name for name in names if name.endswith(("RECORD", ".pyc", "INSTALLER"))]

    def test_an_empty_one_means_no_packages(self, component: Path) -> None:
        (component / "pyproject.toml").write_text(PROJECT.format("nowhere"))

        assert make() == 0

    def test_a_uv_lock_comes_before_what_the_project_asks_for(
        self, component: Path, index: Path
    ) -> None:
        a_wheel(index, "greeting", requires="polite")
        a_wheel(index, "polite")
        a_project(component, "greeting")
        lock(component)
        a_wheel(index, "polite", version="2.0")

        assert make() == 0

        assert "polite-1.0.dist-info/METADATA" in names_in(component / "dist/out.zip")

    def test_the_lock_of_a_uv_workspace_counts_for_its_members(
        self, component: Path, index: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        root = component.parent.parent
        monkeypatch.setenv("PENSTOCK_SOURCE", str(root))
        a_wheel(index, "greeting")
        a_project(component, "greeting", "shared")
        with (component / "pyproject.toml").open("a") as file:
            file.write("[tool.uv.sources]\nshared = {workspace = true}\n")
        members = '[tool.uv.workspace]\nmembers = ["services/orders", "libs/shared"]\n'
        (root / "pyproject.toml").write_text(members)
        a_library(root / "libs/shared", "shared")
        lock(root)

        assert make() == 0

        names = names_in(component / "dist/out.zip")
        assert {"greeting/__init__.py", "shared/__init__.py"} <= set(names)

    @pytest.mark.parametrize("version", ["2.1", "1.1"])
    def test_a_poetry_lock_pins_all_packages(
        self, version: str, component: Path, index: Path
    ) -> None:
        greeting = a_wheel(index, "greeting", requires="polite>=1")
        polite = a_wheel(index, "polite")
        a_wheel(index, "polite", version="2.0")
        (component / "requirements.txt").unlink()
        (component / "pyproject.toml").write_text(
            '[tool.poetry.dependencies]\npython = "^3.11"\ngreeting = "^1.0"\n'
        )
        write = poetry_lock if version == "2.1" else old_poetry_lock
        (component / "poetry.lock").write_text(write(greeting, polite))

        assert make() == 0

        assert "polite-1.0.dist-info/METADATA" in names_in(component / "dist/out.zip")

    def test_what_a_poetry_lock_does_not_name_is_refused(
        self, component: Path, index: Path, refused: Refused
    ) -> None:
        """A changed wheel under the same name is not the one that was locked."""
        greeting = a_wheel(index, "greeting")
        (component / "requirements.txt").unlink()
        (component / "pyproject.toml").write_text(PROJECT.format("greeting"))
        (component / "poetry.lock").write_text(poetry_lock(greeting))
        a_wheel(index, "greeting", {"greeting.py": b"EVIL = True"})

        assert "Hash mismatch" in refused()

    def test_packages_that_only_the_project_asks_for_are_said_to_be_unpinned(
        self, component: Path, index: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        a_wheel(index, "greeting")
        a_project(component, "greeting")

        assert make() == 0

        assert "pyproject.toml, which does not pin them" in capsys.readouterr().out
        assert "greeting/__init__.py" in names_in(component / "dist/out.zip")

    def test_wheels_are_those_of_the_function_s_machine(self, component: Path, index: Path) -> None:
        machines = {"x86_64": ("x86_64", 62), "arm64": ("aarch64", 183)}
        for machine, number in machines.values():
            content = {"fast.abi3.so": native_code(number)}
            a_wheel(index, "fast", content, tag=f"cp37-abi3-manylinux2014_{machine}")
        a_wheel(index, "fast", {"fast.py": b""}, version="0.1")
        (component / "requirements.txt").write_text("fast==1.0\n")

        for architecture, (_, number) in machines.items():
            assert make("--architecture", architecture, "--runtime", "python3.13") == 0
            with zipfile.ZipFile(component / "dist/out.zip") as opened:
                assert opened.read("fast.abi3.so") == native_code(number)

    def test_a_package_without_a_wheel_is_refused_by_name_on_another_machine(
        self, component: Path, index: Path, refused: Refused
    ) -> None:
        a_sdist(index, "sourced")
        (component / "requirements.txt").write_text("sourced==1.0\n")

        told = refused("--architecture", ELSEWHERE)

        wanted = f"requirements.txt: sourced has no wheel for {RUNTIME} on {ELSEWHERE}"
        assert told.startswith(f"python-lambda: {wanted}")

    def test_it_is_built_on_a_machine_like_the_function_s(
        self, component: Path, index: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.41"))
        a_sdist(index, "sourced")
        (component / "requirements.txt").write_text("sourced==1.0\n")

        assert make("--architecture", HERE) == 0

        with zipfile.ZipFile(component / "dist/out.zip") as opened:
            assert opened.read("sourced.py").decode() == f"BUILT_WITH = {RUNTIME[6:]!r}"

    def test_a_library_of_the_repository_is_built_for_any_machine(self, component: Path) -> None:
        a_library(component.parent.parent / "libs/shared", "shared")
        (component / "requirements.txt").write_text("../../libs/shared\n")

        assert make("--architecture", ELSEWHERE) == 0

        assert "shared/__init__.py" in names_in(component / "dist/out.zip")

    @pytest.mark.parametrize(
        ("name", "content", "reason"),
        [
            ("fast.so", native_code(8), "fast.so is native code for another machine"),
            (
                "fast.cpython-39-x86_64-linux-gnu.so",
                native_code(62),
                "fast.cpython-39-x86_64-linux-gnu.so is for Python 3.9",
            ),
            ("fast.so", native_code(62, glibc=38), "fast.so needs glibc 2.38"),
            ("fast.pyd", b"MZ and more", "fast.pyd is native code of another system"),
        ],
    )
    def test_native_code_that_the_function_cannot_run_is_refused(
        self, name: str, content: bytes, reason: str, component: Path, refused: Refused
    ) -> None:
        (component / name).write_bytes(content)

        assert refused("--architecture", "x86_64").startswith(f"python-lambda: {reason}")

    def test_what_cannot_be_had_is_told_in_the_installer_s_words(
        self, component: Path, refused: Refused
    ) -> None:
        (component / "requirements.txt").write_text("./nowhere-1.0-py3-none-any.whl\n")

        told = refused()

        assert told.startswith("python-lambda: requirements.txt could not be installed for ")
        assert "nowhere" in told

    def test_an_editable_package_is_refused(self, component: Path, refused: Refused) -> None:
        (component / "requirements.txt").write_text("-e ../../libs/common\n")

        assert "a zip holds no editable packages" in refused()

    def test_poetry_without_its_lock_is_refused(self, component: Path, refused: Refused) -> None:
        (component / "requirements.txt").unlink()
        (component / "pyproject.toml").write_text('[tool.poetry.dependencies]\nsix = "*"\n')

        assert "has dependencies of poetry and no poetry.lock beside it" in refused()


def a_project(folder: Path, *dependencies: str) -> None:
    (folder / "requirements.txt").unlink()
    (folder / "pyproject.toml").write_text(PROJECT.format('", "'.join(dependencies)))


def a_library(folder: Path, name: str) -> None:
    (folder / "src" / name).mkdir(parents=True)
    (folder / "src" / name / "__init__.py").write_text("")
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "{name}"\nversion = "1"\n[build-system]\nrequires = []\n'
        'build-backend = "backend"\nbackend-path = ["."]\n'
    )
    (folder / "backend.py").write_text(backend_of(name, f"src/{name}/__init__.py"))


def lock(folder: Path) -> None:
    subprocess.run([Path(sys.executable).parent / "uv", "lock", "--quiet"], cwd=folder, check=True)


def poetry_lock(*wheels: Path) -> str:
    """https://github.com/python-poetry/poetry/blob/main/src/poetry/packages/locker.py, 2.1."""
    packages = "".join(
        f'[[package]]\nname = "{name}"\nversion = "1.0"\ngroups = ["main"]\n'
        f'files = [{{file = "{wheel.name}", hash = "sha256:{digest}"}}]\n'
        for name, wheel, digest in described(wheels)
    )
    dev = '[[package]]\nname = "tool"\nversion = "9.9"\ngroups = ["dev"]\nfiles = []\n'
    return f'{packages}{dev}[metadata]\nlock-version = "2.1"\n'


def old_poetry_lock(*wheels: Path) -> str:
    """Before lock version 2.0 the files were apart, and no package said its groups."""
    packages = "".join(
        f'[[package]]\nname = "{name}"\nversion = "1.0"\n' for name, _, _ in described(wheels)
    )
    files = "".join(
        f'{name} = [{{file = "{wheel.name}", hash = "sha256:{digest}"}}]\n'
        for name, wheel, digest in described(wheels)
    )
    return f'{packages}[metadata]\nlock-version = "1.1"\n[metadata.files]\n{files}'


def described(wheels: tuple[Path, ...]) -> list[tuple[str, Path, str]]:
    return [
        (wheel.name.split("-")[0], wheel, sha256(wheel.read_bytes()).hexdigest())
        for wheel in wheels
    ]
