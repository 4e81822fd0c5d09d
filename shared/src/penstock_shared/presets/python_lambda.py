"""Preset `python-lambda`: the zip of a Lambda function in Python."""

from typing import ClassVar

from penstock_shared.presets.base import FunctionPreset


class PythonLambda(FunctionPreset):
    """The function's code with the packages of its lock, for its own runtime and architecture."""

    takes: ClassVar[frozenset[str]] = frozenset({"include"})
