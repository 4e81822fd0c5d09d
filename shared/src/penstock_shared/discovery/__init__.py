"""Reads a repository without a `penstock.yml` into one: components and gates, with the reasons.

Build plans with it where there is no file, and `penstock init` writes it out. Nothing is guessed
that releases: without the file a flow is a check.
"""

from collections.abc import Sequence

from penstock_shared.discovery.components import FoundComponent, find_components
from penstock_shared.discovery.files import Files
from penstock_shared.discovery.gates import FoundGate, find_gates
from penstock_shared.discovery.rendering import render
from penstock_shared.discovery.sharing import with_shared_folders

__all__ = ["MARKERS", "Files", "discovered_configuration"]

MARKERS = ("pyproject.toml", "requirements.txt", "package.json", "serverless.yml", "template.yaml")
"""The files that make a folder a component."""


def discovered_configuration(files: Files) -> str | None:
    """The text of a `penstock.yml` with comments; None if nothing is recognised."""
    components: list[FoundComponent] = find_components(files)
    if not components:
        return None
    components = with_shared_folders(files, components)
    gates = find_gates(files, components)
    return render(_with_a_purpose(components, gates), gates)


def _with_a_purpose(
    components: Sequence[FoundComponent], gates: Sequence[FoundGate]
) -> Sequence[FoundComponent]:
    """Without those that nothing is done with, unless that is so of all."""
    tested = {name for gate in gates for name in gate.components}
    used = [each for each in components if each.build or each.deployed_by or each.name in tested]
    return used or components
