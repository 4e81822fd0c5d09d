"""Preset `mypy`: checks types of Python, against the packages of the project."""

from penstock_shared.gate_presets.base import PythonTool

MYPY = PythonTool("mypy", "2.4.1", "mypy .", with_project=True)
