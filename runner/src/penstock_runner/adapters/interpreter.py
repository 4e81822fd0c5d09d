"""The machine's Python, and each job's own layer on top of it.

The layer is a virtual environment that sees the machine's packages. What a job installs goes into
its layer and is removed with the job. The layer is written directly, in less than a millisecond,
since `venv` with pip takes seconds.
"""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from shutil import which

_QUESTION = """
import importlib.util, json, os, site, sys, sysconfig
pip, ensurepip = (importlib.util.find_spec(name) for name in ("pip", "ensurepip"))
roots = filter(os.path.isdir, site.getsitepackages([sys.prefix, sys.base_prefix]))
installed = {name for root in roots for name in os.listdir(root)}
print(json.dumps({
    "executable": getattr(sys, "_base_executable", "") or sys.executable,
    "version": "%d.%d" % sys.version_info[:2],
    "release": sys.version.split()[0],
    "installed": sorted(n for n in installed if n.endswith((".dist-info", ".egg-info"))),
    "packages": site.getsitepackages() if sys.prefix != sys.base_prefix else [],
    "programs": [sysconfig.get_path("scripts"), os.path.dirname(sys.executable)],
    "wheels": [] if pip or not ensurepip else [
        ensurepip.submodule_search_locations[0] + "/_bundled",
        sysconfig.get_config_var("WHEEL_PKG_DIR") or "",
    ],
}))
"""
_PATIENCE = 20.0
LAYER = ".python"
"""Where in its home a job's layer is."""
_PIP = '#!/bin/sh\nexec "${0%/*}/python" -m pip "$@"\n'


@dataclass(frozen=True)
class Interpreter:
    """The `python3` of a search path.

    `executable` is the base interpreter, outside of any virtual environment. `packages` are the
    folders of the virtual environment on the search path, if there is one. `programs` are the
    folders of its scripts. `pip` is the wheel to run pip from if pip is not installed. `release` is
    the full version, and `installed` names the packages that a job sees, with their versions.
    """

    executable: Path
    version: str
    packages: tuple[str, ...] = ()
    pip: Path | None = None
    programs: tuple[str, ...] = ()
    release: str = ""
    installed: tuple[str, ...] = ()

    @classmethod
    def on(cls, path: str) -> "Interpreter | None":
        """The interpreter that a job with this PATH runs; None if there is no working one."""
        found = which("python3", path=path)
        if found is None:
            return None
        environment = {"PATH": path, "HOME": os.environ.get("HOME", "/")}
        command = [found, "-I", "-c", _QUESTION]
        try:
            asked = subprocess.run(
                command, env=environment, capture_output=True, timeout=_PATIENCE, check=True
            )
            answer = json.loads(asked.stdout)
        except (OSError, subprocess.SubprocessError, ValueError):
            return None
        return cls(
            executable=Path(answer["executable"]),
            version=answer["version"],
            packages=tuple(answer["packages"]),
            pip=_newest_pip(answer["wheels"]),
            programs=tuple(filter(os.path.isdir, dict.fromkeys(answer["programs"]))),
            release=answer["release"],
            installed=tuple(answer["installed"]),
        )

    def add_layer(self, folder: Path) -> None:
        """Make `folder` a virtual environment on top of this interpreter."""
        programs = folder / "bin"
        packages = folder / "lib" / f"python{self.version}" / "site-packages"
        programs.mkdir(parents=True)
        packages.mkdir(parents=True)
        (folder / "pyvenv.cfg").write_text(
            f"home = {self.executable.parent}\n"
            "include-system-site-packages = true\n"
            f"version = {self.version}\n"
        )
        for name in ("python", "python3", f"python{self.version}"):
            (programs / name).symlink_to(self.executable)
        self._add_packages(packages)
        self._add_pip(programs)

    def _add_packages(self, folder: Path) -> None:
        lines = [f"import site; site.addsitedir({name!r})" for name in self.packages]
        if self.pip:
            lines.append(str(self.pip))
        if lines:
            (folder / "machine.pth").write_text("".join(f"{line}\n" for line in lines))

    def _add_pip(self, folder: Path) -> None:
        (folder / "pip").write_text(_PIP)
        (folder / "pip").chmod(0o755)
        (folder / "pip3").symlink_to("pip")


def _newest_pip(folders: list[str]) -> Path | None:
    wheels = [wheel for folder in folders if folder for wheel in Path(folder).glob("pip-*.whl")]
    return max(wheels, key=lambda wheel: wheel.stat().st_mtime, default=None)
