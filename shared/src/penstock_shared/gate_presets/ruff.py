"""Preset `ruff`: lints Python."""

from penstock_shared.gate_presets.base import PythonTool

RUFF = PythonTool("ruff", "0.17.6", "ruff check .")
