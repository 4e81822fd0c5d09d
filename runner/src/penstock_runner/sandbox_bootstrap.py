"""Builds the best sandbox that the runner's settings and this machine allow."""

import os
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from penstock_runner.adapters.guard import ProcessGuard
from penstock_runner.adapters.interpreter import Interpreter
from penstock_runner.sandbox.addresses import is_local
from penstock_runner.sandbox.folders import tool_folders
from penstock_runner.sandbox.limits import Limits
from penstock_runner.sandbox.network import Network, place_of, places_in
from penstock_runner.sandbox.probe import NO_SANDBOX, Found, Wanted, best_sandbox
from penstock_runner.sandbox.unconfined import Unconfined
from penstock_runner.settings import Confinement, RunnerSettings, passed_on
from penstock_shared.contracts.change import Trust
from penstock_shared.errors import ConfigurationError

_OWN_PACKAGES = ("penstock_runner", "penstock_shared")


def sandbox_of(settings: RunnerSettings, guard: ProcessGuard) -> Found:
    """The best sandbox. Raises ConfigurationError if there is none and one is required."""
    limits = Limits(
        memory=settings.penstock_runner_memory_bytes,
        processes=settings.penstock_runner_processes,
        disk=settings.penstock_runner_disk_bytes,
    )
    if settings.penstock_runner_sandbox is Confinement.OFF:
        return Found(Unconfined(limits), "none", (NO_SANDBOX, "PENSTOCK_RUNNER_SANDBOX is off"))
    network = _network(settings, guard)
    found = best_sandbox(
        Wanted(
            folders=_readable(settings),
            covered=(Path.home(), settings.penstock_runner_workdir),
            limits=limits,
            network=network,
        )
    )
    network.end()  # the first job starts it again; some runners never have one
    if settings.penstock_runner_sandbox is Confinement.REQUIRED and not found.confines:
        raise ConfigurationError(f"this machine cannot make the sandbox that is required: {found}")
    return found


def _readable(settings: RunnerSettings) -> list[Path]:
    """The folders that jobs must read: their tools, their Python, and the Python of the presets."""
    presets = Path(settings.penstock_runner_presets)
    interpreter = Interpreter.on(settings.penstock_runner_path)
    programs = [settings.penstock_runner_path, str(presets.parent)]
    if interpreter:
        programs.append(str(interpreter.executable.parent))
    folders = tool_folders(os.pathsep.join(programs), Path.home())
    if interpreter:
        folders += [Path(name) for name in interpreter.packages]
    return folders + (_own_source() if presets == Path(sys.executable) else [])


def _own_source() -> list[Path]:
    """The folders of this runner's packages: an editable install only points to them."""
    specs = (find_spec(name) for name in _OWN_PACKAGES)
    return [Path(spec.origin).parent.parent for spec in specs if spec and spec.origin]


def _network(settings: RunnerSettings, guard: ProcessGuard) -> Network:
    reaches = [place.strip() for place in settings.penstock_runner_reaches.split(",")]
    named = places_in(passed_on(settings))
    return Network(
        reaches=[place for place in dict.fromkeys([*reaches, *named]) if place],
        endpoint=_endpoint(os.environ),
        public_only=settings.penstock_runner_trust is Trust.FORK,
        helpers=guard.helpers,
    )


def _endpoint(environ: Mapping[str, str]) -> str:
    """The host:port of an emulator in place of AWS: a deployment's command must reach it."""
    place = place_of(environ.get("AWS_ENDPOINT_URL", ""))
    return place if place and is_local(place) else ""
