"""Preset `pytest`: runs tests of Python, with the packages of the project."""

from penstock_shared.gate_presets.base import JUNIT_REPORT, PythonTool

PYTEST = PythonTool(
    "pytest",
    "9.2.0",
    f"pytest --junitxml={JUNIT_REPORT}",
    with_project=True,
    junit=JUNIT_REPORT,
)
