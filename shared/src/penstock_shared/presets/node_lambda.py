"""Preset `node-lambda`: the zip of a Lambda function in JavaScript or TypeScript."""

from shlex import quote
from typing import ClassVar

from penstock_shared.presets.base import BuildRequest, FunctionPreset


class NodeLambda(FunctionPreset):
    """The function's code with its production packages, or one file that esbuild bundles of both.

    `entry` is the file that the bundle begins with.
    """

    takes: ClassVar[frozenset[str]] = frozenset({"include", "entry"})

    def options(self, request: BuildRequest) -> list[str]:
        """The target, and what is bundled."""
        bundle = [f"--entry {quote(request.entry)}"] if request.entry else []
        return [*super().options(request), *bundle]
