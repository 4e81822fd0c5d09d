"""Presets `command` and `none`: the component's own command, and nothing."""

from typing import ClassVar

from penstock_shared.presets.base import BuildRequest, Preset


class OwnCommand(Preset):
    """Runs the section's `run`, which leaves its `artifact`, if it has one."""

    takes: ClassVar[frozenset[str]] = frozenset({"run", "artifact"})
    needs: ClassVar[frozenset[str]] = frozenset({"run"})

    def artifact(self, request: BuildRequest) -> str:
        """The file that the section names."""
        return request.artifact

    def command(self, request: BuildRequest) -> str:
        """The section's command."""
        return request.run


class NoBuild(Preset):
    """Builds nothing: the component is tested, and deployed by a command, as it is."""

    def artifact(self, request: BuildRequest) -> str:
        """None."""
        return ""

    def command(self, request: BuildRequest) -> str:
        """None."""
        return ""
