"""Text from outside is text, wherever it is shown (row M4 of the threat model).

The attack: names of branches, messages of commits, commands and keys of `penstock.yml` held control
sequences. `penstock flows`, `show`, `logs` and the pusher's terminal obeyed them: another title,
another clipboard, a cleared screen, a failed flow that looked green.
"""

import ast
import io
import json
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.text import Text
from typer.testing import CliRunner

from monitor_service.domain.ports import PrintedLine
from monitor_service.use_cases.list_flows import ListFlows
from monitor_service.use_cases.read_log import ReadLog
from monitor_service.use_cases.record_event import RecordEvent
from monitor_service.use_cases.show_flow import ShowFlow
from monitor_service.web.app import create_app
from monitor_service.web.reader import Reader
from penstock import app as command_line
from penstock.embedded import hook
from penstock.embedded.report import ConsoleReport
from penstock.project import PROJECT_ROOT
from penstock.rendering import flow_view
from penstock.terminal import Terminal
from penstock_runner.adapters.capture import Capture
from penstock_runner.domain.results import Ending, result_of
from penstock_shared.configuration import InvalidConfigurationError, read_configuration
from penstock_shared.contracts.events import FlowFailed, JobFinished, Phase
from penstock_shared.contracts.jobs import JobState
from penstock_shared.decisions import Cause
from penstock_shared.observability import Telemetry
from tests.security.hostile import HOSTILE, what_acts_in
from tests.support.builders import FLOW_ID, NOW
from tests.unit.monitor_service.fakes import InMemoryFacts, InMemoryLogs, InMemoryPlans
from tests.unit.monitor_service.stories import Story, at
from tests.unit.penstock.commands import fake_stack
from tests.unit.penstock_runner.fakes import a_job

every_hostile_text = pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())


# The terminal


def a_hostile_flow(text: str) -> dict[str, Any]:
    """A flow that says the text wherever its repository, its file or its jobs can say something."""
    failed = fake_stack.a_job(
        state="failed", exit_code=1, reason=text, command=text, tail=f"one\n{text}\nthree"
    )
    return fake_stack.a_flow(
        state="failed",
        reason=text,
        repository=f"acme/{text}",
        ref=f"refs/heads/{text}",
        author=text,
        message=text,
        release=text,
        stopped_by=text,
        phases=[
            fake_stack.a_phase("build", "failed", failed, reason=text, reused=[text]),
            *(
                fake_stack.a_phase(name, "skipped", reason=text)
                for name in ("test", "staging", "bake", "production")
            ),
        ],
        components=[
            {
                "name": "orders", "built": True, "deployed": True, "version": text, "reason": text,
                "deployments": [
                    {"environment": "staging", "version": text, "deployed": True, "reason": text}
                ],
            }
        ],
        rollbacks=[
            {
                "environment": "staging", "at": "2026-01-02T03:04:05Z",
                "components": [{"name": "orders", "version": text}],
            }
        ],
    )  # fmt: skip


IDS = {name: f"{number:020x}" for number, name in enumerate(HOSTILE, start=1)}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of a stack in which every hostile text is a flow."""
    folder, stack = tmp_path_factory.mktemp("home"), fake_stack.FakeStack()
    for name, text in HOSTILE.items():
        flow = {**a_hostile_flow(text), "flow_id": IDS[name]}
        stack.flows[IDS[name]] = flow
        stack.logs[flow["phases"][0]["jobs"][0]["job_id"]] = [text]
    with fake_stack.serving(stack, folder):
        yield folder


def printed_by(home: Path, *command: str) -> str:
    environment = {"PENSTOCK_HOME": str(home), "COLUMNS": "300"}
    printed = CliRunner(env=environment).invoke(command_line.app, command).output
    assert printed.strip()
    return printed


@pytest.mark.parametrize(
    "command",
    [("flows",), ("flows", "--json"), ("flows", "--repository", "nobody/knows")],
    ids=" ".join,
)
def test_no_list_of_flows_acts_on_the_terminal(home: Path, command: tuple[str, ...]) -> None:
    assert what_acts_in(printed_by(home, *command)) == []


@pytest.mark.parametrize("name", HOSTILE)
def test_no_flow_acts_on_the_terminal(home: Path, name: str) -> None:
    for command in ("show", "logs", "retry"):
        assert what_acts_in(printed_by(home, command, IDS[name])) == []


@pytest.mark.parametrize("name", HOSTILE)
def test_json_for_programs_says_all_of_the_text_and_prints_none_of_it_raw(
    home: Path, name: str
) -> None:
    printed = printed_by(home, "show", IDS[name], "--json")
    assert what_acts_in(printed) == []
    assert json.loads(printed)["message"] == HOSTILE[name]


def test_flows_that_are_followed_line_by_line_do_not_act_on_the_terminal(home: Path) -> None:
    for command in ("show", "logs"):
        printed = printed_by(home, command, IDS["up and over"], "--follow")
        assert what_acts_in(printed) == []


@every_hostile_text
def test_what_an_error_quotes_does_not_act_on_the_terminal(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command_line._say(text)
    said = capsys.readouterr().err
    assert said.startswith("penstock: ")
    assert what_acts_in(said) == []


@every_hostile_text
def test_a_live_view_moves_the_cursor_only_for_itself(text: str) -> None:
    harmless, hostile = (
        printed_live(a_hostile_flow(said)) for said in ("a" * 8, f"aaaa{text}aaaa")
    )
    assert set(controls_of(hostile)) <= set(controls_of(harmless))


def printed_live(flow: Any) -> str:
    screen = Terminal(file=io.StringIO(), force_terminal=True, width=300)
    screen.print(flow_view(flow, NOW))
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def controls_of(printed: str) -> list[str]:
    return what_acts_in(printed, colours=True)


@every_hostile_text
def test_progress_of_up_and_down_is_text(text: str) -> None:
    console = Terminal(file=io.StringIO(), width=300)
    report = ConsoleReport(console)
    with report.step(text):
        report.say(text)
    assert isinstance(console.file, io.StringIO)
    assert what_acts_in(console.file.getvalue()) == []


def test_nothing_that_is_printed_is_read_as_markup() -> None:
    console = Terminal(file=io.StringIO(), width=300)
    console.print(HOSTILE["markup of rich"])
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == f"{HOSTILE['markup of rich']}\n"


def test_only_one_module_of_the_command_line_makes_consoles_or_prints() -> None:
    """A console that another module makes would know nothing of all this."""
    found = [
        f"{path.relative_to(PROJECT_ROOT)}:{call.lineno}: {called}"
        for path in (PROJECT_ROOT / "cli/src/penstock").rglob("*.py")
        if path.name not in {"terminal.py", "output.py"} and "emulation" not in path.parts
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call)
        and (called := ast.unparse(call.func)) in {"Console", "print", "rich.print", "typer.echo"}
    ]
    # The version is Penstock's own, and the hook must start quickly, so it escapes by itself.
    assert [one for one in found if "app.py" not in one and "hook.py" not in one] == []
    assert issubclass(Terminal, Console)


# The pusher's terminal


@every_hostile_text
def test_the_hook_of_a_push_prints_one_line_that_does_not_act(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for answer in (
        {"reason": text},
        {"flow_id": text, "status": text, "reason": text},
        {"x": text},
    ):
        hook.say(hook._answer_in_words(answer, {"page_url": "http://127.0.0.1/"}))
        said = capsys.readouterr().out
        assert said.startswith("penstock: ")
        assert said.count("\n") == 1
        assert what_acts_in(said) == []


# The page


class Page(HTMLParser):
    """What a browser would make of a page: its text, elements, attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.said: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.said.append(data)


class Monitor:
    """The page over facts in memory."""

    def __init__(self) -> None:
        self.facts, self.logs = InMemoryFacts(), InMemoryLogs()
        app = create_app(
            Reader(
                list_flows=lambda: ListFlows(self.facts),
                show_flow=lambda: ShowFlow(self.facts, InMemoryPlans()),
                read_log=lambda: ReadLog(self.facts, self.logs),
                telemetry=Telemetry("test"),
                stage="local",
                abort_topic="arn:aws:sns:us-east-1:000000000000:abort",
                clock=lambda: at(120),
            )
        )
        self.client = app.test_client()

    def tell(self, text: str) -> str:
        """Record a flow that says the text wherever it can; returns the failed job's id."""
        change = {"ref": f"refs/heads/{text}"[:500], "repository": f"acme/{text}"[:200]}
        story = Story(change={**change, "author": text, "message": f"{text}\n{text}"}).requested()
        failed = story.result(
            "build", "build", state=JobState.FAILED, exit_code=1, command=text, tail=text[-4000:],
            reason=text,
        )  # fmt: skip
        story.says(JobFinished(result=failed))
        story.stopped(FlowFailed, text, phase=Phase.BUILD, job=failed, by=text)
        for event in story.events:
            RecordEvent(self.facts, lambda _event: True)(event, Cause.of(event))
        self.logs.streams[failed.log_stream] = [PrintedLine(NOW, text)]
        return str(failed.job_id)

    def page(self, path: str, job_id: str = "") -> str:
        address = f"{path}{job_id}" if path.endswith("/jobs/") else path
        return self.client.get(address).get_data(as_text=True)


PAGES = ("/", f"/flows/{FLOW_ID}", f"/flows/{FLOW_ID}/jobs/")


@pytest.fixture(scope="module")
def harmless() -> dict[str, set[tuple[str, ...]]]:
    """The elements of each page of a flow that says nothing special."""
    monitor = Monitor()
    job = monitor.tell("harmless")
    return {path: elements_of(monitor.page(path, job)) for path in PAGES}


@every_hostile_text
def test_no_page_holds_what_a_stranger_wrote_as_anything_but_text(
    harmless: dict[str, set[tuple[str, ...]]], text: str
) -> None:
    monitor = Monitor()
    job = monitor.tell(text)
    for path in PAGES:
        shown = monitor.page(path, job)
        assert what_acts_in(shown) == [], path
        assert elements_of(shown) <= harmless[path], path
    assert what_acts_in(monitor.page(f"/?repository={text[:40]}")) == []


def elements_of(page: str) -> set[tuple[str, ...]]:
    """Each element with the names of its attributes, and where scripts and links may lead."""
    allowed = ("./", "../", "?", "#", "flows/", "http")
    found = Page(page).elements
    for tag, attributes in found:
        target = attributes.get("href", "./")
        assert tag in {"link", "script", "use"} or target.startswith(allowed), target
    colours = {"span"}  # a log's own colours are elements
    return {(tag, *sorted(attributes)) for tag, attributes in found if tag not in colours}


@every_hostile_text
def test_the_json_of_the_page_prints_none_of_it_raw(text: str) -> None:
    monitor = Monitor()
    job = monitor.tell(text)
    for path in ("/api/flows", f"/api/flows/{FLOW_ID}", f"/api/flows/{FLOW_ID}/jobs/{job}/log"):
        answer = monitor.client.get(path)
        assert answer.status_code == 200
        assert what_acts_in(answer.get_data(as_text=True)) == []
    assert answer.get_json()["lines"][0]["text"] == text


@every_hostile_text
def test_an_address_that_leads_nowhere_is_answered_with_text(text: str) -> None:
    client = Monitor().client
    for path in (f"/flows/{text}", f"/api/flows/{text}", "/?limit=" + text.replace("#", "")):
        shown = client.get(path).get_data(as_text=True)
        assert "<script>alert" not in shown
        assert what_acts_in(shown) == []


def test_a_page_can_run_load_and_send_nothing_of_elsewhere() -> None:
    policy = Monitor().client.get("/").headers["Content-Security-Policy"]
    allowed = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert allowed["default-src"] == "'none'"
    assert set(allowed.values()) == {"'none'", "'self'"}


# Logs of the services


@every_hostile_text
def test_a_line_of_log_is_one_line_of_ascii(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    telemetry = Telemetry(f"test-{text.encode().hex()[:40]}")  # a logger keeps its stream
    telemetry.logger.error(text, path=text)
    with telemetry.message(text, text) as span:
        span.outcome("refused", text)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    for line in lines:
        json.loads(line)
        assert line.isascii()
        assert line.isprintable()


# Events, and what jobs print


@every_hostile_text
def test_reasons_authors_and_tails_in_events_hold_nothing_that_acts(text: str) -> None:
    result = result_of(a_job(run=text), 1, NOW, NOW, Ending(JobState.FAILED, 1, text))
    failed = FlowFailed(reason=text, by=text, job=result)
    for said in (failed.reason, failed.by, result.reason, result.command):
        assert what_acts_in(said) == []


@every_hostile_text
def test_of_a_job_s_output_only_colours_are_kept(text: str) -> None:
    capture = Capture(1 << 20, lambda: 0)
    capture.say(f"$ {text}")
    capture.add(f"\x1b[31m{text}\x1b[0m\n".encode())
    for line in capture.end():
        assert what_acts_in(line.text, colours=True) == []
        # What a terminal is asked to show can be shown.
        assert what_acts_in(Text.from_ansi(line.text).plain) == []


@every_hostile_text
def test_what_is_wrong_with_a_penstock_yml_is_said_on_one_line_each(text: str) -> None:
    value = json.dumps(text)
    file = f"version: 1\n{value}: 1\ncomponents:\n  {value}: {{path: {value}}}\n"
    with pytest.raises(InvalidConfigurationError) as refused:
        read_configuration(file)
    for problem in refused.value.problems:
        assert what_acts_in(str(problem)) == []
        assert "\n" not in str(problem)
