"""Preset `static-site`: the zip of a folder of files."""

from shlex import quote
from typing import ClassVar

from penstock_shared.presets.base import BuildRequest, ModulePreset


class StaticSite(ModulePreset):
    """The folder `folder`, which the command `run` makes, if there is one."""

    takes: ClassVar[frozenset[str]] = frozenset({"run", "folder"})
    needs: ClassVar[frozenset[str]] = frozenset({"folder"})

    def command(self, request: BuildRequest) -> str:
        """The component's own command, and then the zip of what it made."""
        made = super().command(request)
        return f"{request.run.rstrip()}\n{made}" if request.run else made

    def options(self, request: BuildRequest) -> list[str]:
        """The folder."""
        return [f"--folder {quote(request.folder)}"]
