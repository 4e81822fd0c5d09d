"""Preset `bandit`: looks for insecure Python."""

from penstock_shared.gate_presets.base import PythonTool

BANDIT = PythonTool("bandit", "1.9.4", "bandit --quiet --recursive --severity-level medium .")
