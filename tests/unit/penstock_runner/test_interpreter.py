"""The Python of a job: the machine's, with the job's own layer."""

import subprocess
import sys
import venv
from pathlib import Path

import pytest

from penstock_runner.adapters.interpreter import Interpreter
from penstock_runner.adapters.scripts import add_scripts
from penstock_runner.domain.environment import Host, environment_of
from penstock_runner.domain.ports import Site
from tests.support.builders import FLOW_ID
from tests.unit.penstock_runner.fakes import a_job


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder of programs with a Python that belongs to a virtual environment without pip."""
    folder = tmp_path / "the machine"
    venv.create(folder, with_pip=False, symlinks=True)
    return folder


@pytest.fixture
def interpreter(machine: Path) -> Interpreter:
    found = Interpreter.on(f"{machine / 'bin'}:/usr/bin:/bin")
    assert found is not None
    return found


def run(interpreter: Interpreter, machine: Path, home: Path, command: str) -> str:
    """The output of a command that runs like a job."""
    layer = home / ".python"
    if not layer.exists():
        interpreter.add_layer(layer)
    site = Site(home, home, home, home, layer)
    host = Host(f"{machine / 'bin'}:/usr/bin:/bin", "")
    environment = environment_of(a_job(), FLOW_ID, 1, site, host)
    done = subprocess.run(
        ["/bin/sh", "-e", "-c", command],
        cwd=home, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "a home"
    folder.mkdir()
    return folder


def a_wheel(folder: Path, name: str) -> Path:
    """The smallest wheel that pip installs: one module."""
    import zipfile

    wheel = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{name}.py", "HERE = True\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return wheel


def test_python_is_the_machine_s(interpreter: Interpreter, machine: Path, home: Path) -> None:
    version = ".".join(map(str, sys.version_info[:2]))
    told = run(interpreter, machine, home, "python -c 'import sys; print(sys.prefix)'; which pip")

    assert interpreter.version == version
    assert told.splitlines() == [str(home / ".python"), str(home / ".python/bin/pip")]


def test_what_a_job_installs_lands_in_its_own_layer(
    interpreter: Interpreter, machine: Path, home: Path, tmp_path: Path
) -> None:
    before = sorted(machine.rglob("*"))
    wheel = a_wheel(tmp_path, "greeting")

    run(interpreter, machine, home, f"pip install --quiet --no-index '{wheel}'")
    told = run(interpreter, machine, home, "python -c 'import greeting; print(greeting.__file__)'")

    assert Path(told).is_relative_to(home)
    assert sorted(machine.rglob("*")) == before


def test_a_job_finds_the_packages_of_the_machine(
    interpreter: Interpreter, machine: Path, home: Path
) -> None:
    (packages,) = interpreter.packages
    (Path(packages) / "of_the_machine.py").write_text("")

    assert run(interpreter, machine, home, "python -c 'import of_the_machine; print(1)'") == "1"


def a_program(machine: Path, name: str, first_line: str) -> Path:
    """A program of the machine's that imports what only the job has."""
    program = machine / "bin" / name
    program.write_text(f"{first_line}\nimport sys, greeting\nprint(greeting.HERE, *sys.argv[1:])\n")
    program.chmod(0o755)
    return program


def test_a_python_program_of_the_machine_finds_what_the_job_installed(
    interpreter: Interpreter, machine: Path, home: Path, tmp_path: Path
) -> None:
    a_program(machine, "checker", f"#!{interpreter.executable}")
    wheel = a_wheel(tmp_path, "greeting")
    scripts = tmp_path / "the scripts"
    add_scripts(scripts, interpreter)

    run(interpreter, machine, home, f"pip install --quiet --no-index '{wheel}'")
    told = run(interpreter, machine, home, f"PATH='{scripts}':\"$PATH\" checker 'a b' c")

    assert told == "True a b c"


def test_other_programs_of_the_machine_stay_as_they_are(
    interpreter: Interpreter, machine: Path, tmp_path: Path
) -> None:
    a_program(machine, "of-the-system", f"#!{interpreter.executable} -Es")
    a_program(machine, "of-another", "#!/bin/sh")
    scripts = tmp_path / "the scripts"
    add_scripts(scripts, interpreter)

    assert not {"of-the-system", "of-another", "python"} & {path.name for path in scripts.iterdir()}


def test_a_machine_without_python_gives_none(tmp_path: Path) -> None:
    assert Interpreter.on(str(tmp_path)) is None

    broken = tmp_path / "python3"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    assert Interpreter.on(str(tmp_path)) is None
