"""What a flow looks like on a terminal."""

from datetime import UTC, datetime

from rich.console import Console

from penstock.flows import FlowJson, JobJson
from penstock.rendering import flow_view

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def a_failed_job(reason: str, tail: str) -> JobJson:
    return JobJson(
        job_id="1", name="unit", component="shop", state="failed", exit_code=None, attempts=1,
        started_at=None, finished_at=None, reason=reason, command="pytest", tail=tail,
    )  # fmt: skip


def shown(job: JobJson) -> list[str]:
    """The lines below the name of the failed job."""
    flow = FlowJson(
        flow_id="f" * 20, repository="acme/shop", ref="refs/heads/main", sha="a" * 40,
        intent="check", state="failed", reason="a gate failed", started_at=NOW.isoformat(),
        finished_at=NOW.isoformat(), release=None, components=[], author="", message="", attempt=1,
        bakes_until=None, stopped_by="", rollbacks=[],
        phases=[{
            "phase": "test", "state": "failed", "reason": "", "started_at": None,
            "finished_at": None, "jobs": [job], "reused": [],
        }],
    )  # fmt: skip
    console = Console(width=120)
    with console.capture() as captured:
        console.print(flow_view(flow, NOW))
    lines = [line.strip() for line in captured.get().splitlines()]
    return lines[lines.index("$ pytest") + 1 :]


def test_a_failed_job_without_output_is_shown_with_its_reason() -> None:
    assert shown(a_failed_job("the archive is refused", ""))[0] == "the archive is refused"


def test_a_failed_job_with_output_is_shown_with_its_end() -> None:
    assert shown(a_failed_job("exit code 1", "one\ntwo"))[:2] == ["one", "two"]
