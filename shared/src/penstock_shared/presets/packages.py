"""Presets `python-package` and `npm-package`: what a package index takes."""

from penstock_shared.presets.base import BuildRequest, ModulePreset


class Package(ModulePreset):
    """A package of the component's folder, by its own build system."""

    def options(self, request: BuildRequest) -> list[str]:
        """None: a package says all of it itself."""
        return []
