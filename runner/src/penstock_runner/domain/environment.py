"""The environment of a job: these variables, and those that the runner's owner passes on."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from penstock_runner.domain.ports import Site
from penstock_shared.contracts.jobs import Checkout, Job

_BRANCHES = "refs/heads/"
_FOR_ALL = {
    "CI": "true",
    "COLUMNS": "120",
    "FORCE_COLOR": "1",
    "LANG": "C.UTF-8",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "TERM": "xterm-256color",
}


@dataclass(frozen=True)
class Host:
    """The machine, as jobs see it: its PATH, and the variables that its owner passes on.

    `presets` is a Python whose environment has the presets. `toolchain` says what jobs run with.
    """

    path: str
    presets: str
    passed_on: Mapping[str, str] = field(default_factory=dict)
    toolchain: str = ""


def environment_of(job: Job, flow_id: str, attempt: int, site: Site, host: Host) -> dict[str, str]:
    """All variables of one attempt. The job's own variables take precedence."""
    return {
        **host.passed_on,
        **_programs(site, host),
        "HOME": str(site.seen(site.home)),
        "TMPDIR": str(site.seen(site.temporary)),
        **_FOR_ALL,
        "PENSTOCK_PYTHON": host.presets,
        "PENSTOCK_FLOW_ID": flow_id,
        "PENSTOCK_JOB_ID": job.job_id,
        "PENSTOCK_JOB_NAME": job.name,
        "PENSTOCK_COMPONENT": job.component or "",
        "PENSTOCK_ATTEMPT": str(attempt),
        "PENSTOCK_SOURCE": str(site.seen(site.source)),
        **_commit(job.source),
        **_deployment(job),
        **job.variables,
    }


def _programs(site: Site, host: Host) -> dict[str, str]:
    own = [site.python / "bin"] if site.python else []
    folders = [str(site.seen(folder)) for folder in (*site.programs, *own)]
    path = {"PATH": ":".join([*folders, host.path])}
    return path | {"VIRTUAL_ENV": str(site.seen(site.python))} if site.python else path


def _commit(source: Checkout) -> dict[str, str]:
    known = {
        "PENSTOCK_REPOSITORY": source.repository,
        "PENSTOCK_REF": source.ref,
        "PENSTOCK_BRANCH": source.ref.removeprefix(_BRANCHES),
        "PENSTOCK_SHA": source.sha,
    }
    if not source.ref.startswith(_BRANCHES):
        del known["PENSTOCK_BRANCH"]
    if source.pull_request is not None:
        known["PENSTOCK_PULL_REQUEST"] = str(source.pull_request)
    if source.committed_at is not None:
        known["SOURCE_DATE_EPOCH"] = str(int(source.committed_at.timestamp()))
    return known


def _deployment(job: Job) -> dict[str, str]:
    known = {"PENSTOCK_ENVIRONMENT": job.environment, "PENSTOCK_DEPLOYMENT_TOKEN": job.token}
    return {name: str(value) for name, value in known.items() if value is not None}
