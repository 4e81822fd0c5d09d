"""What a page of a big flow shows one by one, and what it only counts."""

from collections import Counter
from collections.abc import Sequence

from monitor_service.domain.view import ComponentView, JobView

MOST_JOBS = 40
"""Jobs of a phase, or known gates, that are shown one by one."""
MOST_COMPONENTS = 20
"""Components that are shown whether or not anything happened to them."""


def shortened_jobs(jobs: Sequence[JobView]) -> tuple[Sequence[JobView], str]:
    """The jobs to show and the rest in a few words: of many, those that run or failed are shown."""
    if len(jobs) <= MOST_JOBS:
        return jobs, ""
    shown = [job for job in jobs if job.failed or job.state == "running"][:MOST_JOBS]
    counts = Counter(job.state for job in jobs)
    counts.subtract(job.state for job in shown)
    return shown, ", ".join(f"{count:,} {state}" for state, count in counts.items() if count)


def shortened_components(
    components: Sequence[ComponentView],
) -> tuple[Sequence[ComponentView], str]:
    """The components to show and the rest in a few words: of many, those that moved are shown."""
    if len(components) <= MOST_COMPONENTS:
        return components, ""
    moved = [one for one in components if one.built or _moved(one)]
    shown, more = moved[:MOST_JOBS], len(moved) - MOST_JOBS
    unchanged = len(components) - len(moved)
    rest = (f"{more:,} more that changed" if more > 0 else "", f"{unchanged:,} unchanged")
    return shown, ", ".join(text for text in rest if text)


def _moved(component: ComponentView) -> bool:
    return any(there.deployed or there.rolled_back for there in component.deployments)
