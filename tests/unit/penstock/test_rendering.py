"""What a flow looks like on a terminal."""

from datetime import UTC, datetime

from rich.console import Console

from penstock.flows import FlowJson, JobJson, PullRequestJson
from penstock.rendering import flow_view

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def a_failed_job(reason: str, tail: str) -> JobJson:
    return JobJson(
        job_id="1", name="unit", component="shop", state="failed", exit_code=None, attempts=1,
        started_at=None, finished_at=None, reason=reason, command="pytest", tail=tail,
    )  # fmt: skip


def shown(job: JobJson) -> list[str]:
    """The lines below the name of the failed job."""
    lines = lines_of(a_flow_with(job))
    return lines[lines.index("$ pytest") + 1 :]


def a_flow_with(job: JobJson, proposed: PullRequestJson | None = None) -> FlowJson:
    return FlowJson(
        flow_id="f" * 20, repository="acme/shop", ref="refs/heads/main", sha="a" * 40,
        intent="check", state="failed", reason="a gate failed", started_at=NOW.isoformat(),
        finished_at=NOW.isoformat(), release=None, components=[], author="", message="", attempt=1,
        bakes_until=None, stopped_by="", rollbacks=[],
        phases=[{
            "phase": "test", "state": "failed", "reason": "", "started_at": None,
            "finished_at": None, "jobs": [job], "reused": [],
        }],
        pull_request=proposed,
    )  # fmt: skip


def lines_of(flow: FlowJson) -> list[str]:
    console = Console(width=120)
    with console.capture() as captured:
        console.print(flow_view(flow, NOW))
    return [line.strip() for line in captured.get().splitlines()]


def test_a_pull_request_is_shown_with_what_is_checked_of_it() -> None:
    proposed = PullRequestJson(number=7, fork="eve/shop", base="refs/heads/main", merge="d" * 40)

    lines = lines_of(a_flow_with(a_failed_job("", ""), proposed))

    assert "pull request 7 from eve/shop into main, checked as the merge commit ddddddd" in lines


def test_a_failed_job_without_output_is_shown_with_its_reason() -> None:
    assert shown(a_failed_job("the archive is refused", ""))[0] == "the archive is refused"


def test_a_failed_job_with_output_is_shown_with_its_end() -> None:
    assert shown(a_failed_job("exit code 1", "one\ntwo"))[:2] == ["one", "two"]
