"""flows, show and logs."""

import json
from typing import Any

import pytest

from tests.unit.penstock.commands.conftest import Run
from tests.unit.penstock.commands.fake_stack import FakeStack, a_flow, a_job, a_phase

A, B = "a1b2" + "0" * 16, "a1c3" + "0" * 16


def test_flows_are_listed_for_people(run: Run, stack: FakeStack) -> None:
    stack.flows = {A: a_flow(A), B: a_flow(B, "failed")}
    said = run("flows").stdout
    assert [line.split()[0] for line in said.splitlines()] == ["FLOW", "a1b20000", "a1c30000"]
    for text in ("● running", "✗ failed", "acme/shop main ccccccc", "Sell more", "10.0 s"):
        assert text in said


def test_an_empty_list_says_so(run: Run, stack: FakeStack) -> None:
    assert "Nothing to show" in run("flows").stdout
    assert json.loads(run("flows", "--json").stdout) == []


def test_flows_are_listed_for_programs_with_everything(run: Run, stack: FakeStack) -> None:
    stack.flows = {A: a_flow(A), B: a_flow(B)}
    said = run("flows", "--json", "--limit", "1")
    assert json.loads(said.stdout) == [a_flow(A)]
    assert said.stderr == ""


def test_flows_are_filtered(run: Run, stack: FakeStack) -> None:
    stack.flows = {A: a_flow(A), B: a_flow(B, "failed", repository="acme/other")}
    for option in (("--state", "failed"), ("--repository", "acme/other")):
        listed = json.loads(run("flows", "--json", *option).stdout)
        assert [flow["flow_id"] for flow in listed] == [B]
    run("flows", "--state", "gone", code=2)
    run("flows", "--json", "--watch", code=2)


@pytest.mark.parametrize("name", [A, "a1b2", "A1B20", "latest"])
def test_a_flow_is_named_by_its_id_its_beginning_or_as_the_latest(
    run: Run, stack: FakeStack, name: str
) -> None:
    stack.flows = {A: a_flow(A), B: a_flow(B)}
    assert json.loads(run("show", name, "--json").stdout) == a_flow(A)


@pytest.mark.parametrize(
    ("name", "code", "reason"),
    [
        ("9" * 20, 4, "no such flow"),
        ("99999", 4, "no such flow"),
        ("a1", 2, "names no flow"),
        ("../etc", 2, "names no flow"),
        ("a1b2c", 4, "begins with a1b2c"),
    ],
)
def test_a_name_that_is_none_says_why(
    run: Run, stack: FakeStack, name: str, code: int, reason: str
) -> None:
    stack.flows = {A: a_flow(A), B: a_flow(B)}
    done = run("show", name, code=code)
    assert reason in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_a_beginning_of_two_flows_names_neither(run: Run, stack: FakeStack) -> None:
    stack.flows = {"abcd" + "0" * 16: a_flow(), "abcd" + "1" * 16: a_flow("abcd" + "1" * 16)}
    stack.flows["abcd" + "0" * 16]["flow_id"] = "abcd" + "0" * 16
    assert "is the beginning of 2 flows" in run("show", "abcd", code=2).stderr


def test_latest_of_none_is_not_found(run: Run, stack: FakeStack) -> None:
    assert "nothing has flowed yet" in run("show", "latest", code=4).stderr


def a_failed_flow() -> dict[str, Any]:
    broken = a_job(
        "unit",
        state="failed",
        reason="exit code 1",
        exit_code=1,
        tail="E assert 1 == 2\n1 failed",
        attempts=2,
    )
    phases = [
        a_phase("build", "succeeded"),
        a_phase("test", "failed", a_job("lint"), broken, reason="gate unit (orders) failed"),
        a_phase("staging", "skipped", reason="the flow failed earlier"),
        a_phase("bake", "skipped"),
        a_phase("production", "skipped"),
    ]
    return a_flow(A, "failed", reason="gate unit (orders) failed", phases=phases)


def test_a_failed_flow_shows_command_exit_code_and_the_end_of_the_log(
    run: Run, stack: FakeStack
) -> None:
    stack.flows = {A: a_failed_flow()}
    said = run("show", A).stdout
    assert "exit code 1, exit code 1" not in said
    for text in (
        "✗ unit (orders)",
        "exit code 1, attempt 2",
        "Failed: gate unit (orders) failed",
        "$ pytest -q",
        "E assert 1 == 2",
        "the flow failed earlier",
    ):
        assert text in said


def test_a_flow_shows_what_was_reused_deployed_and_put_back(run: Run, stack: FakeStack) -> None:
    deployment = {"environment": "staging", "version": "7", "deployed": True, "reason": ""}
    component = {
        "name": "orders",
        "built": True,
        "deployed": True,
        "version": "7",
        "reason": "its inputs or tools are new",
        "deployments": [deployment],
    }
    untouched = {**component, "name": "docs", "built": False, "deployments": []}
    back = {"environment": "staging", "at": "", "components": [{"name": "orders", "version": "6"}]}
    gone = {"environment": "staging", "at": "", "components": [{"name": "new", "version": ""}]}
    flow = a_flow(
        A,
        "aborted",
        reason="wrong price",
        stopped_by="grace",
        components=[component, untouched],
        rollbacks=[back, gone],
    )
    flow["phases"][1]["reused"] = ["types (orders)"]
    stack.flows = {A: flow}
    said = run("show", A).stdout
    for text in (
        "Aborted by grace: wrong price",
        "staging is back on orders 6",
        "staging is again without new",
        "types (orders)",
        "its inputs or tools are new",
    ):
        assert text in said


def test_a_baking_flow_says_how_to_stop_it(run: Run, stack: FakeStack) -> None:
    stack.flows = {A: a_flow(A, "baking", bakes_until="2026-01-02T03:05:05.000Z")}
    assert f"penstock abort {A}" in run("show", A).stdout


def test_text_of_others_is_never_markup(run: Run, stack: FakeStack) -> None:
    stack.flows = {A: a_flow(A, "failed", message="[bold]x[/bold]", reason="[red]no[/red]")}
    for command in (("show", A), ("flows",)):
        assert "[bold]x[/bold]" in run(*command).stdout
    assert "[red]no[/red]" in run("show", A).stdout


def finish(stack: FakeStack, state: str) -> None:
    flow = a_failed_flow() if state == "failed" else a_flow(A, state)
    stack.moves = [lambda: None] * 3 + [lambda: stack.flows.update({A: flow})]


@pytest.mark.parametrize(("state", "code"), [("succeeded", 0), ("failed", 1)])
def test_following_says_each_thing_once_and_ends_with_the_flow(
    run: Run, stack: FakeStack, state: str, code: int
) -> None:
    stack.flows = {A: a_flow(A)}
    finish(stack, state)
    said = run("show", A, "--follow", code=code).stdout.splitlines()
    assert said.count("● build") == 1
    assert "    ✓ build (orders) succeeded 1.5 s" in said
    assert any(line[2:].startswith(state) for line in said)
    assert ("$ pytest -q" in said) == (state == "failed")


def test_following_for_programs_tells_the_end_alone(run: Run, stack: FakeStack) -> None:
    stack.flows = {A: a_flow(A)}
    finish(stack, "failed")
    assert json.loads(run("show", A, "--follow", "--json", code=1).stdout) == a_failed_flow()


def test_following_what_has_ended_shows_it(run: Run, stack: FakeStack) -> None:
    stack.flows = {A: a_flow(A, "succeeded")}
    assert "✓ succeeded" in run("show", A, "--follow").stdout


def a_flow_with_logs(stack: FakeStack, state: str = "succeeded") -> None:
    unit, lint = a_job("unit"), a_job("lint", None)
    waiting = a_job("types", job_id=None)
    waiting["job_id"] = None
    flow = a_flow(A, state)
    flow["phases"][1]["jobs"] = [unit, lint, waiting]
    flow["phases"][0]["jobs"] = []
    stack.flows = {A: flow}
    stack.logs = {unit["job_id"]: ["one", "two", "\x1b[31mthree\x1b[0m"], lint["job_id"]: ["clean"]}


def test_logs_of_all_jobs_have_headings(run: Run, stack: FakeStack) -> None:
    a_flow_with_logs(stack)
    assert run("logs", A).stdout.splitlines() == [
        "── unit (orders) succeeded",
        "one",
        "two",
        "three",
        "── lint succeeded",
        "clean",
    ]


def test_the_log_of_a_job_that_printed_nothing_says_why_it_failed(
    run: Run, stack: FakeStack
) -> None:
    a_flow_with_logs(stack)
    unit = stack.flows[A]["phases"][1]["jobs"][0]
    unit.update(state="failed", reason="there is no secret TOKEN")
    stack.logs[unit["job_id"]] = []

    assert run("logs", A, "--job", "unit").stdout == "there is no secret TOKEN\n"
    assert "there is no secret TOKEN\n" in run("logs", A).stdout


@pytest.mark.parametrize("name", ["unit", "unit (orders)"])
def test_the_log_of_one_job_is_plain(run: Run, stack: FakeStack, name: str) -> None:
    a_flow_with_logs(stack)
    assert run("logs", A, "--job", name).stdout.splitlines() == ["one", "two", "three"]


def test_logs_are_there_for_programs(run: Run, stack: FakeStack) -> None:
    a_flow_with_logs(stack)
    unit, lint = json.loads(run("logs", A, "--json").stdout)
    assert unit["name"] == "unit"
    assert [line["text"] for line in unit["lines"]] == ["one", "two", "\x1b[31mthree\x1b[0m"]
    assert lint["exit_code"] == 0


def test_logs_of_a_job_that_is_not_there(run: Run, stack: FakeStack) -> None:
    a_flow_with_logs(stack)
    assert "has no job deploy" in run("logs", A, "--job", "deploy", code=4).stderr
    run("logs", A, "--follow", "--json", code=2)


def test_logs_are_followed_until_the_flow_has_ended(run: Run, stack: FakeStack) -> None:
    a_flow_with_logs(stack, "running")

    def end() -> None:
        stack.flows[A]["state"] = "succeeded"

    stack.moves = [lambda: None] * 4 + [end]
    said = run("logs", A, "--follow").stdout.splitlines()
    assert [line for line in said if line.startswith("unit")] == [
        "unit (orders) │ one",
        "unit (orders) │ two",
        "unit (orders) │ three",
    ]
    assert "lint │ clean" in said


def test_an_api_that_breaks_is_told_in_one_line(run: Run, stack: FakeStack) -> None:
    stack.broken = (500, "Something broke in the monitor")
    done = run("flows", code=1)
    assert "answered 500: Something broke in the monitor" in done.stderr
    assert "Traceback" not in done.output


def test_a_repository_of_which_nothing_is_known_is_named(run: Run, stack: FakeStack) -> None:
    stack.flows = {A: a_flow(A)}
    assert "did you mean acme/shop?" in run("flows", "--repository", "acme/shops").stdout
    assert "known are acme/shop." in run("flows", "--repository", "zzz").stdout
    assert "no flow is failed" in run("flows", "--state", "failed").stdout


def test_a_rare_state_is_looked_for_in_large_pages(run: Run, stack: FakeStack) -> None:
    stack.flows = {A: a_flow(A, "failed"), B: a_flow(B, "failed")}
    said = run("flows", "--json", "--state", "failed", "--limit", "1").stdout
    assert [flow["flow_id"] for flow in json.loads(said)] == [A]
    assert stack.limits == ["100"]


def test_a_long_subject_leaves_the_other_columns_their_room(
    run: Run, stack: FakeStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    stack.flows = {A: a_flow(A, message="x" * 300)}
    heading, line = run("flows").stdout.splitlines()
    assert heading.split()[:3] == ["FLOW", "STATE", "STARTED"]
    assert line.startswith("a1b20000  ● running")
    assert "ago" in line
    assert len(line) <= 100


def test_commands_that_name_a_flow_print_its_address(run: Run, stack: FakeStack) -> None:
    stack.flows = {A: a_flow(A)}
    for command in (("show", A), ("abort", A)):
        assert f"/flows/{A}" in run(*command).stdout
    assert f"/flows/{A}" in run("logs", A).stderr


def test_the_log_of_a_flow_in_which_no_job_ran_says_so(run: Run, stack: FakeStack) -> None:
    known = [a_phase("test", "succeeded", reused=["unit (orders)", "lint (orders)"])]
    stack.flows = {A: a_flow(A, "succeeded", phases=known)}
    assert "2 verdicts of gates" in run("logs", A).stdout
    stack.flows = {A: a_flow(A, "failed", reason="no penstock.yml", phases=[a_phase("build")])}
    assert "The flow failed: no penstock.yml" in run("logs", A).stdout
    stack.flows = {A: a_flow(A, phases=[a_phase("build")])}
    assert "No job has begun yet" in run("logs", A).stdout


def test_tries_of_a_gate_are_told_apart(run: Run, stack: FakeStack) -> None:
    jobs = [a_job(job_id=f"{n:020}", tried=n, tries=3) for n in (1, 2)]
    stack.flows = {A: a_flow(A, phases=[a_phase("test", "running", *jobs)])}
    said = run("show", A).stdout
    assert "try 1 of 3" in said
    assert "try 2 of 3" in said


def test_of_many_jobs_and_components_those_that_matter_are_shown(
    run: Run, stack: FakeStack
) -> None:
    passed = [a_job(f"gate-{n}") for n in range(1500)]
    broken = a_job("broken", state="failed", exit_code=1)
    quiet = {"built": False, "deployed": False, "version": "7", "reason": "", "deployments": []}
    moved = {"environment": "staging", "version": "8", "deployed": True, "reason": ""}
    components = [{**quiet, "name": f"component-{n}"} for n in range(500)]
    components.append({**quiet, "name": "changed", "built": True, "deployments": [moved]})
    phases = [a_phase("test", "failed", *passed, broken, reused=[f"g{n}" for n in range(99)])]
    stack.flows = {A: a_flow(A, "failed", phases=phases, components=components)}
    said = run("show", A).stdout
    for text in ("✗ broken (orders)", "1,500 succeeded", "99 known already", "500 more, not shown"):
        assert text in said
    assert "changed" in said
    assert len(said.splitlines()) < 40


def test_the_version_is_told(run: Run) -> None:
    assert run("--version").stdout.startswith("penstock 0.")
