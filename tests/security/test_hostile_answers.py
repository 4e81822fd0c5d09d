"""Attack: names, reasons and messages that would be links, mentions or pictures at the forge."""

import re

import pytest
from markdown_it import MarkdownIt

from answers_service.domain.wording import LONGEST_REASON, code, escaped_markdown, shortened
from penstock_shared.contracts.answers import Finding
from penstock_shared.contracts.events import FlowFailed, GatesJudged
from tests.unit.answers_service.world import World, a_checked_plan

HOSTILE = (
    "[click](https://evil.invalid)",
    "![pixel](https://evil.invalid/p.png)",
    "<img src=https://evil.invalid/p.png onerror=alert(1)>",
    "<script>alert(1)</script>",
    "`` ` ``` <b>",
    "a | b |\n|---|---|\n| c | d |",
    "# heading\n\n> quote\n\n- list",
    "@everyone #1 !2 ~3 &4 acme/shop#5",
    "<!-- hidden -->",
    "\u202egnp.exe \x1b[2J\x07",
    "https://evil.invalid",
    "\\[x\\](https://evil.invalid)",
    "&lt;b&gt;",
    "*" * 5_000,
)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_comment_shows_hostile_text_as_text(text: str) -> None:
    world, plan = World(), a_checked_plan(["unit"], pull_request=7)
    finding = Finding(path=text[:400], line=3, message=text[:400])
    judged = GatesJudged(flow=world.ref(plan), failed={0: text}, findings=(finding,))

    world.hears(world.planned(plan), judged, FlowFailed(reason=text))

    (body,) = world.forge.comments.values()
    html = MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(body)
    assert re.findall(r'href="([^"]*)"', html) == [f"https://page.invalid/flows/{plan.flow_id}"]
    assert set(re.findall(r"<([a-z0-9]+)", html)) <= {
        "h3", "p", "a", "code", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "em",
    }  # fmt: skip
    assert html.count("<tr>") == 2
    assert "\x1b" not in body
    assert "\u202e" not in body


@pytest.mark.parametrize("text", HOSTILE)
def test_mentions_and_addresses_outside_of_code_call_nobody(text: str) -> None:
    escaped = escaped_markdown(text)

    assert not re.search(r"@\w", escaped)
    assert not re.search(r"(?<!\\)#\d", escaped)
    assert not re.search(r"https?://", escaped)


@pytest.mark.parametrize("text", HOSTILE)
def test_everything_is_one_line_of_bounded_length(text: str) -> None:
    assert "\n" not in code(text)
    assert "\n" not in escaped_markdown(text)
    assert len(shortened(text, LONGEST_REASON)) <= LONGEST_REASON
