"""Preset `pre-commit`: runs the hooks of .pre-commit-config.yaml on all files."""

from penstock_shared.gate_presets.base import PythonTool

PRE_COMMIT = PythonTool("pre-commit", "4.7.0", "pre-commit run --all-files --show-diff-on-failure")
