"""Reads a repository without a `penstock.yml` into one: components and gates, with the reasons.

Build plans with it where there is no file, and `penstock init` writes it out. Nothing is guessed
that releases: without the file a flow is a check.
"""

from penstock_shared.discovery.components import FoundComponent, find_components
from penstock_shared.discovery.files import Files
from penstock_shared.discovery.gates import find_gates
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
    return render(components, find_gates(files, components))
