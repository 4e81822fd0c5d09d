"""Preset `flake8`: lints Python, with the plugins that the project has."""

from penstock_shared.gate_presets.base import PythonTool

FLAKE8 = PythonTool("flake8", "7.5.0", "flake8 .", with_project=True)
