"""Preset `e2e`: end-to-end tests, usually with `after: deploy`."""

from penstock_shared.contracts.plan import GateReport
from penstock_shared.gate_presets.base import PythonTool

_FIND = """\
for folder in tests/e2e e2e; do
  if [ -d "$folder" ]; then exec pytest "$folder"; fi
done
echo "e2e: there is no folder tests/e2e or e2e; name the command in run" >&2
exit 1
"""


class EndToEnd:
    """Runs the script `e2e` of package.json, or else the tests in tests/e2e or e2e with pytest."""

    reports: tuple[GateReport, ...] = ()

    def command(self) -> str:
        """The command line of the runner's module."""
        tests = PythonTool("pytest", "9.2.0", _FIND, with_project=True)
        return tests.command().replace(" python ", " e2e ", 1)


E2E = EndToEnd()
