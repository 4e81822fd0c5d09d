"""abort, promote, validate and doctor; and commands without a stack."""

import json
import socket
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from penstock import app as module
from penstock import checks
from penstock.connection import _signed, connect
from penstock.embedded import Stack
from tests.unit.penstock.commands.conftest import Run
from tests.unit.penstock.commands.fake_stack import FakeStack, a_flow, stack_at

A = "a" * 20


def test_abort_publishes_who_and_why(
    run: Run, stack: FakeStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "grace")
    stack.flows = {A: a_flow(A, "baking")}
    said = run("abort", "latest", "--reason", "wrong price").stdout
    assert stack.published == [
        ("abort-release", {"flow_id": A, "reason": "wrong price", "by": "grace"})
    ]
    assert f"Asked the embedded stack to abort flow {A}." in said
    assert "penstock show aaaaaaaa --follow" in said


def test_abort_of_an_unknown_flow_publishes_nothing(run: Run, stack: FakeStack) -> None:
    assert "no such flow" in run("abort", A, code=4).stderr
    assert stack.published == []


@pytest.mark.parametrize("state", ["succeeded", "failed", "aborted", "superseded"])
def test_abort_of_what_has_ended_is_refused(run: Run, stack: FakeStack, state: str) -> None:
    stack.flows = {A: a_flow(A, state)}
    assert f"has already ended: {state}" in run("abort", A, code=5).stderr
    assert stack.published == []


def test_a_message_that_is_not_accepted_is_told(run: Run, stack: FakeStack) -> None:
    stack.flows = {A: a_flow(A)}
    stack.refuses_messages = True
    assert "could not publish to abort-release" in run("abort", A, code=1).stderr


def test_promote_ends_a_bake(run: Run, stack: FakeStack) -> None:
    stack.flows = {A: a_flow(A, "baking")}
    run("promote", A)
    ((topic, message),) = stack.published
    assert (topic, message["flow_id"]) == ("promote-release", A)


@pytest.mark.parametrize("state", ["running", "aborted"])
def test_only_what_bakes_is_promoted(run: Run, stack: FakeStack, state: str) -> None:
    stack.flows = {A: a_flow(A, state)}
    assert "only a release that bakes" in run("promote", A, code=5).stderr
    assert stack.published == []


COMMANDS = [["flows"], ["show", A], ["logs", A], ["abort", A], ["promote", A]]


@pytest.mark.parametrize("command", COMMANDS)
def test_without_a_stack_there_is_a_cure(run: Run, command: list[str]) -> None:
    done = run(*command, code=3)
    assert "penstock up" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_a_stack_that_is_gone_is_told(run: Run, home: Path, command: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    stack_at(f"http://127.0.0.1:{port}").save(home / "stack.json")
    assert "does not answer" in run(*command, code=3).stderr


GOOD = "version: 1\ncomponents:\n  app: {path: app}\n"


def test_a_good_file_is_valid(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "penstock.yml"
    file.write_text(GOOD)
    assert "is as it should be" in run("validate", str(file)).stdout
    assert json.loads(run("validate", str(file), "--json").stdout) == {
        "valid": True,
        "problems": [],
    }


def test_mistakes_are_told_with_file_line_and_field(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "penstock.yml"
    file.write_text(GOOD.replace("path", "pth"))
    said = run("validate", str(file), code=1).stdout
    assert said.startswith(f"{file}:3: components.app.pth: is not a known key")
    told = json.loads(run("validate", str(file), "--json", code=1).stdout)
    assert told["valid"] is False
    assert (told["problems"][0]["line"], told["problems"][0]["field"]) == (3, "components.app.pth")


def test_a_file_that_is_not_there_is_not_found(run: Run, tmp_path: Path) -> None:
    assert "cannot be read: No such file" in run("validate", str(tmp_path / "x"), code=4).stderr


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which every check is ok."""
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\necho v1\n")
    tool.chmod(0o755)
    for name in ("NODE", "OSLS", "EMULATOR_PYTHON"):
        monkeypatch.setattr(checks, name, tool)
    monkeypatch.setattr(checks, "SANDBOX", (str(tool),))
    return tool


def health(done: Any) -> dict[str, str]:
    return {check["name"]: check["health"] for check in json.loads(done.stdout)}


def test_doctor_without_a_stack_looks_at_the_machine(run: Run, tools: Path) -> None:
    found = health(run("doctor", "--json"))
    assert found.pop("stack") == "skipped"
    assert set(found) == {"python", "git", "node", "osls", "emulator", "ports", "disk", "sandbox"}
    assert set(found.values()) == {"ok"}
    assert "– stack" in run("doctor").stdout


def test_doctor_says_when_jobs_are_not_kept_apart(
    run: Run, tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "SANDBOX", ("/bin/sh", "-c", "echo none; echo no rights; exit 1"))

    done = run("doctor", code=1)

    assert "none; no rights" in done.stdout
    assert "docs/runner.md says what a sandbox needs" in done.stdout


def test_doctor_says_what_is_missing_and_how_to_cure_it(run: Run, tools: Path) -> None:
    tools.unlink()
    said = run("doctor", code=1).stdout
    assert "✗ node" in said
    assert "→ Run `make setup`." in said


def test_doctor_finds_dead_letters_and_missing_runners(
    run: Run, tools: Path, stack: FakeStack
) -> None:
    stack.dead_letters = {"penstock-local-build-dlq": 2, "penstock-local-jobs-release-dlq": 0}
    stack.flows = {A: a_flow(A)}
    done = run("doctor", "--json", code=1)
    found = health(done)
    assert (found["API"], found["runners"], found["dead letters"]) == ("ok", "problem", "problem")
    assert "penstock-local-build-dlq holds 2" in done.stdout
    assert "penstock-local-jobs-release-dlq holds" not in done.stdout


def test_doctor_finds_a_process_that_is_gone(
    run: Run, tools: Path, stack: FakeStack, home: Path
) -> None:
    book = {"runner-release-1": {"pid": 2**22 + 1, "started": "never"}}
    (home / "processes.json").write_text(json.dumps(book))
    found = health(run("doctor", "--json", code=1))
    assert (found["runner-release-1"], found["dead letters"]) == ("problem", "ok")


def test_doctor_finds_an_api_that_breaks(run: Run, tools: Path, stack: FakeStack) -> None:
    stack.broken = (500, "no")
    assert health(run("doctor", "--json", code=1))["API"] == "problem"


def test_an_unknown_command_is_a_mistake_in_usage(run: Run) -> None:
    assert "No such command" in run("flow", code=2).stderr


def test_every_command_explains_itself(run: Run) -> None:
    for command in ("flows", "show", "logs", "abort", "promote", "validate", "doctor", "demo"):
        assert "Usage: " in run(command, "--help").stdout
        assert command in run("--help").stdout


def test_a_fault_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise RuntimeError("out of ideas")

    monkeypatch.setattr(module, "app", broken)
    monkeypatch.delenv("PENSTOCK_DEBUG", raising=False)
    with pytest.raises(SystemExit) as exit_of:
        module.main()
    assert exit_of.value.code == 1
    assert "RuntimeError: out of ideas" in capsys.readouterr().err
    monkeypatch.setenv("PENSTOCK_DEBUG", "1")
    with pytest.raises(RuntimeError):
        module.main()


class TestAws:
    """A stage on AWS, with fake CloudFormation and STS."""

    @pytest.fixture(autouse=True)
    def credentials(self, monkeypatch: pytest.MonkeyPatch, stack: FakeStack, home: Path) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "testing")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        monkeypatch.setenv("AWS_ENDPOINT_URL", Stack.load(home).endpoint_url)

    def test_a_stage_that_was_not_deployed_is_no_stack(self, run: Run) -> None:
        done = run("flows", "--stage", "prod", code=3)
        assert "no stack penstock-monitor-prod in eu-central-1" in done.stderr
        assert health(run("doctor", "--stage", "prod", "--json", code=1)) == {"AWS": "problem"}

    def test_a_profile_that_does_not_exist_is_told(self, run: Run) -> None:
        assert "nobody" in run("flows", "--profile", "nobody", code=1).stderr

    def test_topics_and_queues_are_found_by_their_names(self, stack: FakeStack) -> None:
        stack.deployed = {"penstock-monitor-prod"}
        connection = connect(stage="prod")
        assert connection.api.url == "https://abc.execute-api.eu-central-1.amazonaws.com/api"
        assert connection.topic_arn_prefix == "arn:aws:sns:eu-central-1:123456789012:penstock-prod-"
        assert connection.queue_url_prefix == (
            "https://sqs.eu-central-1.amazonaws.com/123456789012/penstock-prod-"
        )

    def test_requests_are_signed(self) -> None:
        sent: list[httpx.Request] = []

        def answer(request: httpx.Request) -> httpx.Response:
            sent.append(request)
            return httpx.Response(200)

        client = httpx.Client(transport=httpx.MockTransport(answer), auth=_signed(boto3.Session()))
        client.get("https://abc.execute-api.eu-central-1.amazonaws.com/api/flows?limit=1")
        scope = "/eu-central-1/execute-api/aws4_request"
        assert scope in sent[0].headers["Authorization"]
        assert "X-Amz-Date" in sent[0].headers
