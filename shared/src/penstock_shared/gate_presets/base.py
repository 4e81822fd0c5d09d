"""The base of every gate preset."""

from collections.abc import Iterable
from shlex import quote
from typing import Protocol

from penstock_shared.contracts.plan import GateReport, ReportKind

_MODULE = "penstock_runner.presets.gates"
JUNIT_REPORT = ".penstock-junit.xml"


class GatePreset(Protocol):
    """A predefined check, which a gate of a `penstock.yml` chooses by name."""

    @property
    def reports(self) -> tuple[GateReport, ...]:
        """The reports that the command leaves in the gate's folder."""
        ...

    def command(self) -> str:
        """What a runner executes in the gate's folder."""
        ...


class PythonTool:
    """A tool from PyPI, as the repository's own lock file pins it, or else in `version`.

    The tool `runs` in an environment of its own. `with_project` says that it needs the packages of
    the project there too, for example to import them.
    """

    def __init__(
        self,
        name: str,
        version: str,
        runs: str,
        *,
        with_project: bool = False,
        junit: str = "",
    ) -> None:
        self._call = _call("python", name, version, ["--project"] if with_project else [], runs)
        self.reports = (GateReport(kind=ReportKind.JUNIT, path=junit),) if junit else ()

    def command(self) -> str:
        """The command line of the runner's module."""
        return self._call


class NodeTool:
    """A tool from npm, as package-lock.json pins it, or else in `version`. Without a `name` the
    command `runs` with the locked packages alone.
    """

    reports: tuple[GateReport, ...] = ()

    def __init__(self, name: str, version: str, runs: str) -> None:
        self._call = _call("node", name, version, [], runs)

    def command(self) -> str:
        """The command line of the runner's module."""
        return self._call


def _call(kind: str, name: str, version: str, options: Iterable[str], runs: str) -> str:
    tool = ["--tool", quote(name), "--version", quote(version)] if name else []
    words = " ".join([kind, *tool, *options, "--", "/bin/sh", "-e", "-c", quote(runs)])
    return f'"$PENSTOCK_PYTHON" -I -m {_MODULE} {words}'
