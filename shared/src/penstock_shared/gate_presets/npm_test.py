"""Preset `npm-test`: runs the script `test` of package.json with the locked packages."""

from penstock_shared.gate_presets.base import NodeTool

NPM_TEST = NodeTool("", "", "npm test")
