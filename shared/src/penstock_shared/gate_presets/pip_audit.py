"""Preset `pip-audit`: looks for known vulnerabilities of the packages of the project."""

from penstock_shared.gate_presets.base import PythonTool

PIP_AUDIT = PythonTool(
    "pip-audit", "2.10.1", "pip-audit --local --skip-editable", with_project=True
)
