"""Registers the build presets: one line each."""

from penstock_shared.presets.base import Preset
from penstock_shared.presets.python_lambda import PythonLambda

PRESETS: dict[str, Preset] = {
    "python-lambda": PythonLambda(),
}
