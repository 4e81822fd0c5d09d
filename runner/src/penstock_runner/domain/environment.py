"""The environment of a job: what is listed here, and nothing of the runner's own but what its
owner says.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from penstock_runner.domain.ports import Site
from penstock_shared.contracts.jobs import Job


@dataclass(frozen=True)
class Host:
    """What jobs may know of the machine: their PATH, the runner's own Python, and the variables
    that its owner lets them have.
    """

    path: str
    python: str
    passed_on: Mapping[str, str] = field(default_factory=dict)


def environment_of(job: Job, flow_id: str, attempt: int, site: Site, host: Host) -> dict[str, str]:
    """All variables of one attempt. What the job asks for wins."""
    return {
        **host.passed_on,
        "PATH": host.path,
        "HOME": str(site.home),
        "TMPDIR": str(site.temporary),
        "LANG": "C.UTF-8",
        "CI": "true",
        "PENSTOCK_PYTHON": host.python,
        "PENSTOCK_FLOW_ID": flow_id,
        "PENSTOCK_JOB_ID": job.job_id,
        "PENSTOCK_JOB_NAME": job.name,
        "PENSTOCK_COMPONENT": job.component or "",
        "PENSTOCK_ATTEMPT": str(attempt),
        "PENSTOCK_SOURCE": str(site.source),
        **job.variables,
    }
