"""Preset `pyright`: checks types of Python, against the packages of the project."""

from penstock_shared.gate_presets.base import PythonTool

PYRIGHT = PythonTool("pyright", "1.1.414", "pyright", with_project=True)
