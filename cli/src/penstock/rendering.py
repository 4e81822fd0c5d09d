"""Renders flows for a terminal."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from penstock.flows import (
    BROKEN,
    ComponentJson,
    FlowJson,
    JobJson,
    PhaseJson,
    PullRequestJson,
    VersionJson,
    branch_of,
    jobs_of,
    name_of,
    title_of,
)
from penstock.words import ago, clock_time, colour_of, lasted, mark_of, span
from penstock_shared.contracts.registration import Forks, RegisteredRepository
from penstock_shared.contracts.registry import KnownPullRequest

TAIL_LINES = 20
MOST_JOBS = 40
"""Jobs of a phase that are all shown; of more jobs, only those that run or failed are."""
MOST_PROVEN = 5
"""Earlier flows that are named as having proved gates."""
MOST_COMPONENTS = 20
"""Components that are all shown; of more, only those that the flow changed are."""


def state_of(state: str) -> Text:
    """A state with its mark, in its colour."""
    return Text(f"{mark_of(state)} {state}", colour_of(state))


def flow_table(flows: Sequence[FlowJson], now: datetime) -> Table:
    """Flows as a list, newest first."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), expand=True)
    for name, least in (("FLOW", 8), ("STATE", 12), ("STARTED", 10), ("TOOK", 8)):
        table.add_column(name, no_wrap=True, min_width=least, header_style="dim")
    table.add_column("WHERE", no_wrap=True, max_width=40, overflow="ellipsis", header_style="dim")
    table.add_column("CHANGE", no_wrap=True, overflow="ellipsis", ratio=1, header_style="dim")
    for flow in flows:
        table.add_row(
            flow["flow_id"][:8],
            state_of(flow["state"]),
            ago(flow["started_at"], now),
            lasted(flow["started_at"], flow["finished_at"], now),
            Text(f"{flow['repository']} {branch_of(flow)} {flow['sha'][:7]}"),
            Text(title_of(flow)),
        )
    return table


def flow_view(flow: FlowJson, now: datetime) -> Group:
    """One flow: its heading, phases and jobs, what failed, its components."""
    return Group(*_parts_of(flow, now))


def _parts_of(flow: FlowJson, now: datetime) -> Iterator[RenderableType]:
    yield _heading(flow, now)
    yield _phase_table(flow["phases"], now)
    yield from _end_of(flow)
    if flow["components"]:
        yield Text()
        yield _component_table(flow["components"])


def _heading(flow: FlowJson, now: datetime) -> Text:
    text = Text.assemble(
        (title_of(flow) or flow["sha"][:7], "bold"),
        "  ",
        state_of(flow["state"]),
        "\n",
        (f"{flow['flow_id']}  {flow['repository']}  {branch_of(flow)}  {flow['sha'][:7]}", "dim"),
    )
    about = " ".join(part for part in (flow["intent"], flow["release"]) if part)
    took = lasted(flow["started_at"], flow["finished_at"], now)
    text.append(f"  {about}  {clock_time(flow['started_at'])}, {took}\n", "dim")
    if proposed := flow.get("pull_request"):
        text.append(f"{_proposed(proposed)}\n", "dim")
    if flow["bakes_until"]:
        text.append(f"bakes until {clock_time(flow['bakes_until'])}; stop it with ", "yellow")
        text.append(f"penstock abort {flow['flow_id']}\n", "bold yellow")
    return text


def _proposed(proposed: PullRequestJson) -> str:
    whose = f" from {proposed['fork']}" if proposed["fork"] else ""
    base = proposed["base"].removeprefix("refs/heads/")
    merge = proposed["merge"][:7]
    checked = f", checked as the merge commit {merge}" if merge else ""
    return f"pull request {proposed['number']}{whose} into {base}{checked}"


def _phase_table(phases: Sequence[PhaseJson], now: datetime) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column()
    for phase in phases:
        took = lasted(phase["started_at"], phase["finished_at"], now)
        named = _named(phase["phase"], phase["state"], "")
        table.add_row(named, phase["state"], took, _reason_of(phase))
        shown, folded = folded_jobs(phase["jobs"])
        for job in shown:
            table.add_row(*_job_row(job, now), style="dim" if not job["started_at"] else "")
        if folded:
            table.add_row(Text("  – more", "bright_black"), "", "", folded)
        for known in _proven(phase):
            table.add_row(Text("  – known", "bright_black"), "", "", known)
    return table


def folded_jobs(jobs: Sequence[JobJson]) -> tuple[list[JobJson], str]:
    """The jobs to show, and the counts of the others by state; up to MOST_JOBS are all shown."""
    if len(jobs) <= MOST_JOBS:
        return list(jobs), ""
    open_jobs = [job for job in jobs if job["state"] in {*BROKEN, "running"}]
    shown = open_jobs[:MOST_JOBS]
    counts = Counter(job["state"] for job in jobs)
    counts.subtract(job["state"] for job in shown)
    return shown, ", ".join(f"{count:,} {state}" for state, count in counts.items() if count)


def _proven(phase: PhaseJson) -> Iterator[str]:
    """What was known already, and who proved it."""
    proven = phase.get("proven", [])
    for one in proven[:MOST_PROVEN]:
        since = f"unchanged since {one['sha'][:7]}, proved by flow {one['flow_id'][:8]}"
        yield f"{_known(one['gates'])}: {since if one['flow_id'] else 'unchanged'}"
    if phase["reused"] and not proven:
        yield _known(phase["reused"])
    if len(proven) > MOST_PROVEN:
        yield f"{sum(len(one['gates']) for one in proven[MOST_PROVEN:]):,} more"


def _known(reused: Sequence[str]) -> str:
    return ", ".join(reused) if len(reused) <= MOST_JOBS else f"{len(reused):,} known already"


def _reason_of(phase: PhaseJson) -> Text:
    return Text(phase["reason"] if phase["reason"] != phase["state"] else "")


def _job_row(job: JobJson, now: datetime) -> tuple[Text, str, str, Text]:
    remarks = [job["reason"]]
    exit_code = f"exit code {job['exit_code']}"
    if job["exit_code"] and job["reason"] != exit_code:
        remarks.append(exit_code)
    if job.get("tries", 1) > 1:
        remarks.append(f"try {job['tried']} of {job['tries']}")
    if job.get("flaky"):
        remarks.append("passed (flaky)")
    if job.get("allowed") and job["state"] in BROKEN:
        remarks.append(job.get("quarantine") or "its failure is allowed")
    if job["attempts"] > 1:
        remarks.append(f"attempt {job['attempts']}")
    return (
        _named(name_of(job), job["state"], "  "),
        job["state"],
        lasted(job["started_at"], job["finished_at"], now),
        Text(", ".join(remark for remark in remarks if remark)),
    )


def _named(name: str, state: str, indent: str) -> Text:
    return Text.assemble(indent, (mark_of(state), colour_of(state)), f" {name}")


def _end_of(flow: FlowJson) -> Iterator[Text]:
    """Why the flow did not succeed, which jobs failed, and what was rolled back."""
    if flow["reason"]:
        by = f" by {flow['stopped_by']}" if flow["stopped_by"] else ""
        why = f": {flow['reason']}" if flow["reason"] != flow["state"] else ""
        yield Text(f"\n{flow['state'].capitalize()}{by}{why}", colour_of(flow["state"]))
    if flow["state"] == "failed":
        for job in jobs_of(flow):
            if job["state"] in BROKEN:
                yield _broken(job)
    for rollback in flow["rollbacks"]:
        back = f"{rollback['environment']} is {_back_on(rollback['components'])}"
        yield Text(f"{mark_of('rolled-back')} {back}", "yellow")


def _back_on(components: Sequence[VersionJson]) -> str:
    if not components:
        return "back on what it ran before"
    if len(components) > MOST_COMPONENTS:
        return f"back on what it ran before: {len(components):,} components"
    back = [f"{one['name']} {one['version']}" for one in components if one["version"]]
    gone = [one["name"] for one in components if not one["version"]]
    parts = [
        f"back on {', '.join(back)}" if back else "",
        f"again without {', '.join(gone)}" if gone else "",
    ]
    return ", and ".join(part for part in parts if part)


def _broken(job: JobJson) -> Text:
    code = "" if job["exit_code"] is None else f" with exit code {job['exit_code']}"
    text = Text.assemble("\n", (name_of(job), "bold"), f" {job['state']}{code}\n")
    if job["command"]:
        text.append(f"$ {job['command']}\n", "bold")
    if not job["tail"].strip():
        text.append(f"  {job['reason']}\n")
        return text
    for line in job["tail"].rstrip().split("\n")[-TAIL_LINES:]:
        text.append(f"  {line}\n", "dim")
    return text


def _component_table(components: Sequence[ComponentJson]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("COMPONENT", "BUILT", "DEPLOYED", "VERSION", "WHY"):
        table.add_column(name, header_style="dim", no_wrap=name != "WHY")
    shown = [one for one in components if one["built"] or _moved(one)]
    if len(components) <= MOST_COMPONENTS:
        shown = list(components)
    for one in shown[:MOST_JOBS]:
        where = [there["environment"] for there in one["deployments"] if there["deployed"]]
        table.add_row(
            one["name"],
            "yes" if one["built"] else Text("no", "bright_black"),
            ", ".join(where) if where else Text("no", "bright_black"),
            one["version"][:12],
            Text(one["reason"], "dim"),
        )
    if rest := len(components) - min(len(shown), MOST_JOBS):
        table.add_row(Text(f"{rest:,} more, not shown", "bright_black"))
    return table


def _moved(component: ComponentJson) -> bool:
    return any(there["deployed"] or there.get("rolled_back") for there in component["deployments"])


def repository_table(repositories: Sequence[RegisteredRepository]) -> Table:
    """Registered repositories as a list."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("REPOSITORY", "FORGE", "RELEASES", "LEAST BAKE", "REACHES", "FETCHED FROM"):
        table.add_column(name, header_style="dim", overflow="fold")
    for one in repositories:
        allowance = one.allowance
        table.add_row(
            Text(one.full_name),
            one.forge,
            Text(_refs(one)),
            _least_bake(one),
            Text(", ".join(allowance.environments)),
            Text(one.clone_url),
        )
    return table


_FORKS = {
    Forks.IGNORE: "ignored",
    Forks.APPROVE: "checked once somebody asks",
    Forks.RUN: "checked",
}


def repository_view(repository: RegisteredRepository, webhook_url: str, secret: str = "") -> Table:
    """One repository, with the secret of its webhook if it was made just now."""
    allowance = repository.allowance
    rows = {
        "name": f"{repository.full_name} of {repository.forge}",
        "fetched from": repository.clone_url,
        "with": "a token" if repository.read_with == "token" else "no credential",
        "webhook": webhook_url,
        "secret": secret,
        "releases": _refs(repository),
        "least bake": _least_bake(repository),
        "reaches": ", ".join(allowance.environments),
        "deploys": f"names that begin with {allowance.deploy_prefix}"
        if allowance.deploy_prefix
        else "any name",
        "jobs at once": f"{allowance.jobs_at_once} of a flow",
        "answers": f"told at {repository.api_url}" if repository.answers else "",
        "forks": _FORKS[allowance.forks],
        "registered": f"{repository.registered_at:%Y-%m-%d %H:%M} UTC",
    }
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 2), show_header=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, value in rows.items():
        if value:
            table.add_row(name, Text(value))
    return table


def waiting_table(waiting: Iterable[KnownPullRequest]) -> Table:
    """The pull requests that wait, and for what."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 2), header_style="dim")
    for name in ("PULL REQUEST", "BY", "AT", "WAITS", "TITLE"):
        table.add_column(name, overflow="fold")
    for one in waiting:
        author = f"{one.author} in {one.fork}" if one.fork else one.author
        cells = (str(one.number), author, one.sha[:12], one.waits, one.title)
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _least_bake(repository: RegisteredRepository) -> str:
    seconds = repository.allowance.least_bake
    return span(timedelta(seconds=seconds)) if seconds else "none"


def _refs(repository: RegisteredRepository) -> str:
    """The refs that may release, branches by their short names."""
    protected = repository.allowance.protected
    return ", ".join(ref.removeprefix("refs/heads/") for ref in protected) or "nothing"
