"""Preset `tsc`: checks types of TypeScript."""

from penstock_shared.gate_presets.base import NodeTool

TSC = NodeTool("typescript", "7.0.2", "tsc --noEmit")
