"""What is said of a flow, in the words of people: statuses of one line, and one comment.

Everything that came from a repository or a job is text: it is one line in a status, and code or
escaped Markdown in a comment.
"""

import re
from collections.abc import Iterator

from answers_service.domain.answer import LONGEST_TEXT, Comment, State, Status
from answers_service.domain.flow import AnsweredFlow, GateGroup
from penstock_shared.contracts.answers import Finding
from penstock_shared.contracts.change import Intent
from penstock_shared.printable import one_line

LONGEST_REASON = 300
MOST_LISTED = 20
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~&@:$%^=])")
_REFERENCES = "@#!~&%$:"
"""Forges look for references and addresses in the text that Markdown has left: `@` calls people,
`#` an issue. An invisible space after the character breaks them."""
_UNSEEN = "\u200b"


def shortened(text: str, longest: int) -> str:
    """The text on one line, of at most so many characters."""
    line = " ".join(one_line(text).split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def escaped_markdown(text: str) -> str:
    """The text as a reader of Markdown sees it, on one line: no link, no mention, no heading."""
    line = re.sub("www", f"www{_UNSEEN}", shortened(text, LONGEST_REASON), flags=re.IGNORECASE)
    return _MARKDOWN.sub(lambda found: _inert(found[0]), line)


def _inert(character: str) -> str:
    return f"\\{character}" + (_UNSEEN if character in _REFERENCES else "")


def code(text: str) -> str:
    """The text as code of Markdown, on one line. It may hold any number of backticks.

    A bar would end the cell of a table, even within code.
    """
    line = shortened(text, LONGEST_REASON).replace("|", "\u2223")
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}" if line else ""


def flow_url(page_url: str, flow_id: str) -> str:
    """The address of a flow's page."""
    return f"{page_url}/flows/{flow_id}"


def statuses_of(flow: AnsweredFlow, page_url: str) -> Iterator[Status]:
    """The status of the flow, and that of each of its checks."""
    if flow.target is None:
        return
    url, prefix = flow_url(page_url, flow.flow_id), flow.target.prefix
    state, text = standing(flow)
    yield Status(name=prefix, state=state, text=shortened(text, LONGEST_TEXT), url=url)
    for check in flow.checks:
        state, text = verdict(flow, check)
        name = f"{prefix}/{shortened(check.label, LONGEST_TEXT)}"
        yield Status(name=name, state=state, text=shortened(text, LONGEST_TEXT), url=url)


def standing(flow: AnsweredFlow) -> tuple[State, str]:
    """How the flow stands, and why."""
    if flow.released:
        return State.PASSED, f"{_passed(flow)}; {flow.production or 'production'} runs it"
    if flow.ending:
        ending, by = flow.ending, f" (by {flow.ending.by})" if flow.ending.by else ""
        state = State.FAILED if ending.failed else State.STOPPED
        return state, f"{ending.how}: {ending.reason}{by}"
    if flow.tested and flow.intent is not None and flow.intent is not Intent.RELEASE:
        return State.PASSED, _passed(flow)
    return State.PENDING, _progress(flow)


def _progress(flow: AnsweredFlow) -> str:
    if flow.staged:
        return "staging runs it; it bakes before it goes on"
    if flow.tested:
        return f"{_passed(flow)}; it is being deployed"
    return f"{_gates(_count(flow))} to pass" if flow.planned else "is being planned and built"


def verdict(flow: AnsweredFlow, check: GateGroup) -> tuple[State, str]:
    """How the gates of one status stand, and why."""
    gates = [*check.gates]
    failed = [n for n in gates if n in flow.failed and n not in flow.allowed]
    if failed:
        reason = next((flow.reasons[n] for n in failed if n in flow.reasons), "failed")
        return State.FAILED, reason if len(gates) == 1 else f"{_of(failed, gates)} failed: {reason}"
    allowed = [n for n in gates if n in flow.failed]
    passed = [n for n in gates if flow.tested or n in flow.passed or n in flow.reused]
    if len({*passed, *allowed}) == len(gates):
        return State.PASSED, _how_passed(flow, gates, allowed)
    if flow.ending:
        return State.STOPPED, f"did not run to its end: the flow {flow.ending.how}"
    return State.PENDING, "runs" if len(gates) == 1 else f"{_of(passed, gates)} passed"


def _how_passed(flow: AnsweredFlow, gates: list[int], allowed: list[int]) -> str:
    if allowed:
        reason = next((flow.reasons[n] for n in allowed if n in flow.reasons), "")
        return (
            f"may fail, and did: {reason}"
            if len(gates) == 1
            else f"{len(allowed)} may fail, and did"
        )
    reused = [n for n in gates if n in flow.reused]
    if len(reused) == len(gates):
        return "unchanged: it passed in an earlier flow"
    return "passed" if len(gates) == 1 else f"all {len(gates)} passed"


def _of(some: list[int], gates: list[int]) -> str:
    return f"{len(some)} of {len(gates)}"


def _count(flow: AnsweredFlow) -> int:
    return sum(len(check.gates) for check in flow.checks)


def _gates(count: int) -> str:
    return "1 gate" if count == 1 else f"{count:,} gates"


def _passed(flow: AnsweredFlow) -> str:
    reused = len(flow.reused)
    known = f", {reused:,} of them unchanged" if reused else ""
    return f"{_gates(_count(flow))} passed{known}"


_HEADINGS = {
    State.PENDING: "⏳ Penstock is at work",
    State.PASSED: "✅ Penstock: passed",
    State.FAILED: "❌ Penstock: failed",
    State.STOPPED: "⏹️ Penstock: stopped",
}


def comment_of(flow: AnsweredFlow, page_url: str) -> Comment | None:
    """The comment on the pull request; None if the flow is of none."""
    if flow.target is None or flow.target.pull_request is None:
        return None
    return Comment(body="\n\n".join(_parts(flow, page_url)))


def _parts(flow: AnsweredFlow, page_url: str) -> Iterator[str]:
    state, text = standing(flow)
    sha = flow.target.sha[:12] if flow.target else ""
    link = f"[flow {flow.flow_id[:8]}]({flow_url(page_url, flow.flow_id)})"
    yield f"### {_HEADINGS[state]}"
    yield f"{escaped_markdown(text)} ({link} of {sha})"
    yield from _failures(flow)
    yield from _findings(flow.findings)
    if flow.coverage:
        yield _coverage(flow)
    if flow.components:
        where = f", to {escaped_markdown(flow.production)}" if flow.production else ""
        yield f"New versions of what is deployed{where}: {_list(map(code, flow.components))}"


def _failures(flow: AnsweredFlow) -> Iterator[str]:
    failed = [n for n in flow.failed if n not in flow.allowed]
    if not failed:
        return
    named = [n for n in failed if n in flow.reasons][:MOST_LISTED]
    rows = [f"| {code(flow.labels.get(n, str(n)))} | {code(flow.reasons[n])} |" for n in named]
    yield "\n".join(["| gate | what happened |", "|---|---|", *rows])
    if len(failed) > len(named):
        yield f"… and {len(failed) - len(named):,} more"


def _findings(findings: tuple[Finding, ...]) -> Iterator[str]:
    if not findings:
        return
    shown = findings[:MOST_LISTED]
    rows = [f"- {code(f'{one.path}:{one.line}')} {escaped_markdown(one.message)}" for one in shown]
    yield "\n".join(rows)
    if len(findings) > len(shown):
        yield f"… and {len(findings) - len(shown):,} more"


def _coverage(flow: AnsweredFlow) -> str:
    if flow.coverage is None:
        return ""
    percent, before = flow.coverage.percent, flow.coverage.before
    if before is None:
        return f"Coverage: {percent:.1f} %"
    return f"Coverage: {percent:.1f} % ({percent - before:+.1f} points; it was {before:.1f} %)"


def _list(names: Iterator[str]) -> str:
    every = [*names]
    more = f" and {len(every) - MOST_LISTED:,} more" if len(every) > MOST_LISTED else ""
    return ", ".join(every[:MOST_LISTED]) + more
