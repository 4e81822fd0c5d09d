"""Preset `eslint`: lints JavaScript."""

from penstock_shared.gate_presets.base import NodeTool

ESLINT = NodeTool("eslint", "10.15.0", "eslint .")
