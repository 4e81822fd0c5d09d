"""Preset `black`: checks the format of Python."""

from penstock_shared.gate_presets.base import PythonTool

BLACK = PythonTool("black", "26.10.1", "black --check .")
