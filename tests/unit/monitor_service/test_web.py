"""The page and the API, through the WSGI application and through an HTTP API's event."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from monitor_service.domain.ports import PrintedLine
from monitor_service.handlers import web
from monitor_service.use_cases.list_flows import ListFlows
from monitor_service.use_cases.read_log import ReadLog
from monitor_service.use_cases.record_event import RecordEvent, RecordRequest
from monitor_service.use_cases.show_flow import ShowFlow
from monitor_service.web.app import create_app
from monitor_service.web.reader import Reader
from monitor_service.web.requests import root
from monitor_service.web.terminal import segments
from penstock_shared.contracts.change import Intent
from penstock_shared.contracts.commands import AbortRelease
from penstock_shared.contracts.events import FlowAborted, FlowFailed, Phase
from penstock_shared.contracts.jobs import JobState
from penstock_shared.decisions import Cause
from penstock_shared.observability import Telemetry
from tests.support.builders import FLOW_ID, NOW, a_cause, a_component, a_gate, a_plan
from tests.unit.monitor_service.fakes import InMemoryFacts, InMemoryLogs, InMemoryPlans
from tests.unit.monitor_service.stories import (
    Story,
    at,
    there,
    to_production,
    to_staging,
    with_a_failing_gate,
)

EVIL = "<script>alert('x')</script>\"><img src=x>"
TOPIC = "arn:aws:sns:us-east-1:000000000000:penstock-local-abort-release"


class World:
    """The application over fakes, at a time of one's choice."""

    def __init__(self) -> None:
        self.facts = InMemoryFacts()
        self.plans = InMemoryPlans()
        self.logs = InMemoryLogs()
        self.now = at(120)
        self.app = create_app(
            Reader(
                list_flows=lambda: ListFlows(self.facts),
                show_flow=lambda: ShowFlow(self.facts, self.plans),
                read_log=lambda: ReadLog(self.facts, self.logs),
                telemetry=Telemetry("test"),
                stage="local",
                abort_topic=TOPIC,
                clock=lambda: self.now,
            )
        )
        self.client: FlaskClient = self.app.test_client()

    def tell(self, *stories: Story) -> None:
        for story in stories:
            for event in story.events:
                RecordEvent(self.facts, lambda _event: True)(event, Cause.of(event))

    def json(self, path: str, status: int = 200) -> Any:
        answer = self.client.get(path)
        assert (answer.status_code, answer.mimetype) == (status, "application/json")
        return answer.get_json()

    def page(self, path: str, status: int = 200) -> str:
        answer = self.client.get(path)
        assert (answer.status_code, answer.mimetype) == (status, "text/html")
        return answer.get_data(as_text=True)


@pytest.fixture
def world() -> World:
    return World()


def words(page: str) -> str:
    """What a page says, without its markup."""
    shown = re.sub(r"<svg.*?</svg>|<[^>]+>", " ", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", shown)


def test_one_flow_has_the_shape_that_programs_rely_on(world: World) -> None:
    world.plans.plans["plans/x.json"] = a_plan()
    world.tell(to_production())
    flow = world.json(f"/api/flows/{FLOW_ID}")
    assert flow.keys() >= {
        "flow_id", "repository", "ref", "sha", "intent", "state", "reason", "started_at",
        "finished_at", "release", "phases", "components",
    }  # fmt: skip
    assert flow["started_at"] == "2026-01-02T03:04:05.000Z"
    phase = flow["phases"][0]
    assert phase.keys() >= {"phase", "state", "reason", "started_at", "finished_at", "jobs"}
    assert [phase["phase"] for phase in flow["phases"]] == [
        "build", "test", "staging", "bake", "production",
    ]  # fmt: skip
    assert phase["jobs"][0].keys() >= {
        "job_id", "name", "component", "state", "exit_code", "attempts", "started_at",
        "finished_at", "command", "tail", "reason", "log_stream",
    }  # fmt: skip
    assert flow["components"][0].keys() >= {"name", "built", "deployed", "version", "reason"}


def test_the_list_is_newest_first_and_goes_on(world: World) -> None:
    world.tell(
        *(Story(flow_id=f"{n:020x}", start=at(n)).requested() for n in range(3)),
    )
    first = world.json("/api/flows?limit=2")
    assert [flow["flow_id"] for flow in first["flows"]] == [f"{2:020x}", f"{1:020x}"]
    second = world.json(f"/api/flows?limit=2&cursor={first['next']}")
    assert [flow["flow_id"] for flow in second["flows"]] == [f"{0:020x}"]
    assert second["next"] is None


def test_a_listed_flow_leaves_out_what_the_list_did_not_read(world: World) -> None:
    world.tell(to_production())
    (flow,) = world.json("/api/flows")["flows"]
    assert "components" not in flow
    assert all("jobs" not in phase for phase in flow["phases"])


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("limit=x", "limit must be a number, not 'x'"),
        ("limit=0", "limit must be from 1 to 100, not 0"),
        ("limit=-1", "limit must be a number, not '-1'"),
        ("state=gone", "state must be one of running, baking"),
        ("cursor=x", "`cursor` must be"),
    ],
)
def test_a_wrong_question_is_told_what_is_right(world: World, query: str, reason: str) -> None:
    assert reason in world.json(f"/api/flows?{query}", 400)["error"]
    assert reason.split("`", maxsplit=1)[0] in world.page(f"/?{query}", 400).replace("&#39;", "'")


def test_errors_of_the_api_are_json(world: World) -> None:
    assert world.json(f"/api/flows/{FLOW_ID}", 404) == {"error": f"no such flow: {FLOW_ID}"}
    assert "20 hex digits" in world.json("/api/flows/latest", 404)["error"]
    assert world.json("/api/nothing", 404) == {"error": "There is nothing at this address."}
    assert "error" in world.json(f"/api/flows/{FLOW_ID}/jobs/{'1' * 20}/log", 404)
    assert "20 hex digits" in world.json(f"/api/flows/{FLOW_ID}/jobs/x/log", 404)["error"]


def test_a_log_is_read_piece_by_piece(world: World) -> None:
    story = with_a_failing_gate()
    world.tell(story)
    job_id = story.job_id("test-runner", "unit")
    world.logs.streams[f"{job_id}/1"] = [PrintedLine(NOW, "one"), PrintedLine(NOW, "two")]
    log = world.json(f"/api/flows/{FLOW_ID}/jobs/{job_id}/log")
    assert [line["text"] for line in log["lines"]] == ["one", "two"]
    assert log["lines"][0]["at"] == "2026-01-02T03:04:05Z"
    assert (log["job"]["state"], log["more"]) == ("failed", True)
    rest = world.json(f"/api/flows/{FLOW_ID}/jobs/{job_id}/log?after={log['next']}")
    assert (rest["lines"], rest["more"]) == ([], False)


def test_the_list_shows_each_flow_with_its_phases(world: World) -> None:
    world.tell(to_staging())
    page = world.page("/")
    assert f'href="./flows/{FLOW_ID}"' in page
    for text in ("Sell more", "acme/shop", "main", "Ada", "baking", "2 min ago"):
        assert text in words(page)
    assert "bake running" in words(page)


def test_an_empty_list_says_what_to_do(world: World) -> None:
    assert "Push a commit" in world.page("/")
    assert "There is no such flow" in world.page("/?state=failed")


def test_the_list_is_filtered_by_links(world: World) -> None:
    world.tell(to_staging(), Story(flow_id="e" * 20, change={"repository": "a/b"}).requested())
    assert "acme/shop" not in world.page("/?repository=a/b")
    assert FLOW_ID not in world.page("/?state=running")


def test_a_baking_flow_says_how_long_and_how_to_stop_it(world: World) -> None:
    story = to_staging()
    world.tell(story)
    world.now = story.now + timedelta(seconds=9)
    page = words(world.page(f"/flows/{FLOW_ID}"))
    assert "in 50 s , unless somebody stops it" in page
    assert f"penstock abort {FLOW_ID}" in page
    assert f"aws sns publish --topic-arn {TOPIC}" in page
    world.now += timedelta(seconds=60)
    assert "The bake is over" in world.page(f"/flows/{FLOW_ID}")


def test_a_failed_flow_shows_what_broke(world: World) -> None:
    world.tell(with_a_failing_gate())
    page = world.page(f"/flows/{FLOW_ID}")
    for text in ("gate unit (orders) failed with exit code 1", "pytest -q", "1 failed"):
        assert text in words(page)
    assert "penstock abort" not in page


def test_an_aborted_flow_shows_who_why_and_where_staging_is(world: World) -> None:
    story = to_staging().stopped(FlowAborted, "wrong price", phase=Phase.BAKE, by="grace")
    world.tell(story.rolled_back("staging", there(version="2")))
    RecordRequest(world.facts)(AbortRelease(flow_id=FLOW_ID, by="grace"), a_cause())
    page = words(world.page(f"/flows/{FLOW_ID}"))
    assert "Aborted by grace" in page
    assert "staging is back on what it ran before: orders 2" in page
    assert "grace asked for an abort" in page


def test_components_say_what_was_skipped_and_why(world: World) -> None:
    world.plans.plans["plans/x.json"] = a_plan(
        components=(a_component("orders", built=True, reason="it changed"), a_component("docs")),
        gates=(a_gate("unit"), a_gate("lint"), a_gate("types")),
    )
    world.tell(to_production())
    page = words(world.page(f"/flows/{FLOW_ID}"))
    assert "it changed" in page
    assert "catalog no no 7 the environment runs it already" in page
    assert "Known already, not run again: types (orders)" in page


def a_big_flow() -> tuple[Story, Any]:
    """1,500 gates, of which one failed, and 500 components, of which one changed."""
    components = [f"component-{number:04}" for number in range(500)]
    gates = [(f"gate-{number % 3}", components[number // 3]) for number in range(1500)]
    plan = a_plan(
        components=tuple(a_component(name, built=name == components[7]) for name in components),
        gates=tuple(a_gate(name, component) for name, component in gates),
    )
    story = Story().requested().built()
    story.deployed("staging", *(there(name, deployed=name == components[7]) for name in components))
    for name, component in gates:
        state = JobState.FAILED if component == components[7] else JobState.SUCCEEDED
        story.job("test-runner", name, component, state=state, tail="the end of its log")
    return story.stopped(FlowFailed, "3 gates failed", phase=Phase.TEST), plan


def test_a_big_flow_shows_what_failed_and_counts_the_rest(world: World) -> None:
    story, plan = a_big_flow()
    world.plans.plans["plans/x.json"] = plan
    world.tell(story)
    page = world.page(f"/flows/{FLOW_ID}")
    assert len(page) < 60_000
    for text in ("gate-0 (component-0007)", "1,497 succeeded", "499 unchanged"):
        assert text in words(page)
    assert "component-0008" not in page
    whole = world.page(f"/flows/{FLOW_ID}?all=1")
    assert "gate-2 (component-0499)" in whole
    assert "show all" not in whole


def test_the_json_of_a_big_flow_stays_below_a_megabyte(world: World) -> None:
    story, plan = a_big_flow()
    world.plans.plans["plans/x.json"] = plan
    world.tell(story)
    body = world.client.get(f"/api/flows/{FLOW_ID}").data
    assert len(body) < 1_000_000
    assert len(json.loads(body)["phases"][1]["jobs"]) == 1500


def test_a_component_that_was_put_back_is_not_shown_as_deployed(world: World) -> None:
    story = to_staging().stopped(FlowAborted, "no", phase=Phase.BAKE)
    world.tell(story.rolled_back("staging", there(version="2")))
    assert "orders no staging rolled back 2" in words(world.page(f"/flows/{FLOW_ID}"))


def test_a_page_is_whole_in_every_state(world: World) -> None:
    tellings = (
        Story().requested(),
        Story().requested().stopped(FlowFailed, "no penstock.yml"),
        Story(intent=Intent.CHECK).requested().built().job_begins("test-runner", "unit"),
        Story().built(),
        to_production(),
    )
    for number, story in enumerate(tellings):
        told = Story(flow_id=f"{number:020x}", intent=story.intent)
        told.events = [event.model_copy(update={"subject": told.flow_id}) for event in story.events]
        world.tell(told)
        page = world.page(f"/flows/{told.flow_id}")
        assert page.count("<tbody>") == page.count("</tbody>")
        assert page.rstrip().endswith("</html>")


def test_pages_keep_current_until_nothing_more_can_happen(world: World) -> None:
    story = to_production()
    world.tell(story)
    world.now = story.now
    assert 'data-every="1000"' in world.page(f"/flows/{FLOW_ID}")
    world.now += timedelta(minutes=2)
    assert "data-every" not in world.page(f"/flows/{FLOW_ID}")


def test_a_fragment_is_the_part_of_a_page_that_changes(world: World) -> None:
    world.tell(to_staging())
    for path in ("/", f"/flows/{FLOW_ID}"):
        fragment = world.page(f"{path}?fragment=1")
        assert fragment.lstrip().startswith('<div id="live"')
        assert fragment.strip() in world.page(path)


def test_what_a_log_or_a_commit_says_never_becomes_markup(world: World) -> None:
    story = Story(change={"message": EVIL, "author": EVIL, "repository": f"a/{EVIL}"})
    story.requested().built()
    failed = story.result(
        "test-runner",
        "unit",
        state=JobState.FAILED,
        exit_code=1,
        command=EVIL,
        tail=EVIL,
        reason=EVIL,
    )
    world.tell(story.stopped(FlowFailed, EVIL, phase=Phase.TEST, by=EVIL, job=failed))
    world.logs.streams[failed.log_stream] = [
        PrintedLine(NOW, EVIL),
        PrintedLine(NOW, f"\x1b[31m{EVIL}"),
    ]
    RecordRequest(world.facts)(AbortRelease(flow_id=FLOW_ID, by=EVIL, reason=EVIL), a_cause())
    paths = ("/", f"/flows/{FLOW_ID}", f"/flows/{FLOW_ID}/jobs/{failed.job_id}", f"/{EVIL}")
    for path in paths:
        page = world.client.get(path).get_data(as_text=True)
        assert "<script>alert" not in page
        assert "<img src=x" not in page


def test_pages_carry_no_script_and_no_style_of_their_own(world: World) -> None:
    story = with_a_failing_gate()
    world.tell(story)
    job = f"/flows/{FLOW_ID}/jobs/{story.job_id('test-runner', 'unit')}"
    for path in ("/", f"/flows/{FLOW_ID}", job, "/nothing"):
        page = world.client.get(path).get_data(as_text=True)
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script>|javascript:", page)


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/api/flows", "/api/nothing", "/static/penstock.css"]
)
def test_every_answer_is_guarded(world: World, path: str) -> None:
    headers = world.client.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == (
        "private, max-age=31536000, immutable" if "static" in path else "no-store"
    )


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/", "./"), ("/x", "./"), ("/flows/1", "../"), ("/flows/1/", "../../"), ("/a/b/c", "../../")],
)
def test_addresses_are_relative_to_the_page(path: str, expected: str) -> None:
    assert root(path) == expected


def test_no_address_in_a_page_is_absolute(world: World) -> None:
    story = with_a_failing_gate()
    world.tell(story)
    job = f"/flows/{FLOW_ID}/jobs/{story.job_id('test-runner', 'unit')}"
    for path in ("/", f"/flows/{FLOW_ID}", f"/flows/{FLOW_ID}/", job, "/a/b/c/nothing"):
        page = world.client.get(path).get_data(as_text=True)
        for address in re.findall(r'(?:href|src)="([^"]*)"', page):
            assert address.startswith(("./", "../", "?", "#")), address


def test_a_page_that_is_not_there_is_dressed_like_the_others(world: World) -> None:
    page = world.page("/flows/nothing", 404)
    assert "a flow&#39;s id has 20 hex digits" in page
    assert "To the list of flows" in page
    assert "There is nothing at this address" in world.page("/nothing", 404)
    assert "Not like this" in words(world.client.post("/").get_data(as_text=True))


def test_what_breaks_is_logged_and_not_shown(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("secret of the house")

    world.facts.newest = broken  # type: ignore[assignment,method-assign]  # the table is down
    page = world.page("/", 500)
    assert "Something broke" in page
    assert "secret" not in page
    assert "secret" not in str(world.json("/api/flows", 500))
    assert "secret of the house" in caplog.text


def test_a_log_page_numbers_its_lines_and_says_how_it_ended(world: World) -> None:
    story = with_a_failing_gate()
    world.tell(story)
    job_id = story.job_id("test-runner", "unit")
    world.logs.streams[f"{job_id}/1"] = [PrintedLine(at(9), f"line {n}") for n in range(3)]
    path = f"/flows/{FLOW_ID}/jobs/{job_id}"
    page = world.page(path)
    assert 'id="L3"' in page
    assert "What follows" in page
    rest = world.page(f"{path}?fragment=1&after=1:3&line=4")
    assert "failed, exit code 1" in rest
    assert 'id="L1"' not in rest
    assert world.client.get(f"{path}?line=x").status_code == 400


def test_a_job_that_printed_nothing_says_so(world: World) -> None:
    story = with_a_failing_gate()
    world.tell(story)
    page = world.page(f"/flows/{FLOW_ID}/jobs/{story.job_id('test-runner', 'unit')}?after=1:0")
    assert "The job printed nothing." in page


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("plain", [("", "plain")]),
        ("\x1b[31mred\x1b[0m not", [("red", "red"), ("", " not")]),
        ("\x1b[1;32mboth\x1b[22mgreen\x1b[39mnone", None),
        ("\x1b[2K\x1b[1Gcleared", [("", "cleared")]),
        ("10 %\r50 %\r100 %", [("", "100 %")]),
        ("line\r", [("", "line")]),
        ("\x1b]8;;https://x.invalid\x07link\x1b]8;;\x07", [("", "link")]),
        ("\x1b[38;5;196mfar\x1b[m", [("", "far")]),
        ("\x1b[94mbright", [("blue", "bright")]),
        ("bell\x07 and \x00nul", [("", "bell and nul")]),
        ("broken \x1b", [("", "broken ")]),
    ],
)
def test_terminal_colours_become_classes(line: str, expected: Any) -> None:
    wanted = expected or [("bold green", "both"), ("green", "green"), ("", "none")]
    assert segments(line) == wanted


class TestLambda:
    """The function behind the HTTP API."""

    @pytest.fixture(autouse=True)
    def served(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        world.tell(to_staging())
        monkeypatch.setattr(web, "_app", lambda: world.app)

    def ask(self, path: str, **given: Any) -> dict[str, Any]:
        event = {
            "version": "2.0",
            "rawPath": path,
            "rawQueryString": "",
            "headers": {"host": "abc.execute-api.us-east-1.amazonaws.com"},
            "requestContext": {"http": {"method": "GET", "path": path}, "phase": "$default"},
            "isBase64Encoded": False,
            **given,
        }
        return web.handler(event, None)

    def test_it_answers_pages_and_json(self) -> None:
        answer = self.ask(f"/api/flows/{FLOW_ID}")
        assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, False)
        assert json.loads(answer["body"])["flow_id"] == FLOW_ID
        assert "Sell more" in self.ask("/")["body"]
        assert self.ask("/", rawQueryString="state=gone")["statusCode"] == 400

    def test_it_serves_its_assets_as_text(self) -> None:
        for name in ("penstock.css", "penstock.js", "penstock.svg"):
            answer = self.ask(f"/static/{name}")
            assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, False)

    def test_an_event_without_headers_is_answered(self) -> None:
        event = {
            "version": "2.0",
            "rawPath": "/",
            "requestContext": {"http": {"method": "GET"}},
        }
        assert web.handler(event, None)["statusCode"] == 200
