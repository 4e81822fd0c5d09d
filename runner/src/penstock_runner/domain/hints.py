"""Explains a failure that comes from what a job does not see."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from penstock_runner.domain.results import Ending
from penstock_shared.contracts.jobs import Job

_MISSING = re.compile(
    rb"no such file|not found|cannot find|can't open|cannot open|does not exist|no module named"
    rb"|penstock-inputs-only",  # git's error for what it left out
    re.IGNORECASE,
)
_MOST_NAMED = 12


@dataclass
class MissingFiles:
    """Passes output on, and notices when it says that a file is missing."""

    write: Callable[[bytes], None]
    noticed: bool = False

    def __call__(self, output: bytes) -> None:
        """Pass output on."""
        self.noticed = self.noticed or bool(_MISSING.search(output))
        self.write(output)

    def explain(self, job: Job, ending: Ending) -> None:
        """Add a line to the output if the job failed for want of a file that is not its input."""
        inputs = job.source.inputs
        if not inputs or not self.noticed or ending.exit_code in (None, 0):
            return
        more = ", ..." if len(inputs) > _MOST_NAMED else ""
        named = ", ".join(inputs[:_MOST_NAMED]) + more
        self.write(
            f"penstock: only the inputs of {job.component} are here: {named}. "
            "Name what is missing in its `watch` in penstock.yml\n".encode(errors="replace")
        )
