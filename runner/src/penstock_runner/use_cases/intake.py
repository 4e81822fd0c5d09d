"""Which jobs a runner takes."""

from dataclasses import dataclass

from penstock_shared.contracts.change import Trust
from penstock_shared.contracts.jobs import Job
from penstock_shared.errors import RefusedMessageError


@dataclass(frozen=True)
class Intake:
    """A runner serves one trust. `confines` says whether its jobs run in sandboxes."""

    trust: Trust
    confines: bool

    def check(self, job: Job) -> None:
        """Raise RefusedMessageError for a job that this runner must not run."""
        if job.trust is not self.trust:
            raise RefusedMessageError(
                f"the job is of trust {job.trust}, and this runner serves {self.trust} only"
            )
        if job.trust is Trust.FORK and not self.confines:
            raise RefusedMessageError(
                "this machine cannot make sandboxes, and jobs of trust fork run only in one"
            )
