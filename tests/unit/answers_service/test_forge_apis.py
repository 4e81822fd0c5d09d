"""Every forge that answers are told to, over HTTP: one suite for all of them."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from answers_service.adapters import http
from answers_service.adapters.forges import FORGES
from answers_service.domain.answer import AnsweredCommit, Comment, State, Status
from answers_service.domain.errors import NotToldError, TellLaterError
from penstock_shared.contracts.answers import WriteCredential
from penstock_shared.contracts.change import Forge
from penstock_shared.testing.fakes import FakeClock
from tests.unit.answers_service.forge_standins import (
    DIALECTS,
    TOKEN,
    Canned,
    StandIn,
    forge_stand_in,
)

SHA = "a" * 40
MARK = "0123456789abcdef"
LIMITED = [
    ({"Retry-After": "30"}, 30),
    ({"Retry-After": "Fri, 02 Jan 2026 03:04:35 GMT"}, 30),
    ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1767323105"}, 60),
    ({"RateLimit-Reset": "1767323105"}, 60),
    ({}, 60),
    ({"Retry-After": "999999"}, 6 * 3600),
    ({"Retry-After": "-5"}, 60),
]
"""What forges send with 429, and the seconds that it means at 03:04:05 of that day."""


@pytest.fixture(params=list(DIALECTS))
def stand_in(request: pytest.FixtureRequest) -> Iterator[StandIn]:
    with forge_stand_in(request.param) as standing:
        yield standing
        assert standing.violations == []


@pytest.fixture
def github() -> Iterator[StandIn]:
    with forge_stand_in(Forge.GITHUB) as standing:
        yield standing


def api_of(standing: StandIn, token: str = TOKEN, clock: FakeClock | None = None) -> Any:
    credential = WriteCredential(token=token, api_url=standing.url, page_url="https://page.invalid")
    made: Any = FORGES[standing.forge](credential)
    made.api.clock = clock or FakeClock()
    return made


def target(standing: StandIn) -> AnsweredCommit:
    return AnsweredCommit(
        forge=standing.forge,
        repository="acme/shop",
        sha=SHA,
        ref="refs/heads/fix",
        pull_request=7,
    )


def a_status(state: State = State.PENDING, text: str = "runs") -> Status:
    return Status(
        name="penstock/unit (a component with a name that is long)",
        state=state,
        text=text,
        url="https://page.invalid/flows/1",
    )


def test_every_registered_forge_is_in_this_suite() -> None:
    assert set(FORGES) == set(DIALECTS)


@pytest.mark.parametrize("final", [State.PASSED, State.FAILED, State.STOPPED])
def test_a_status_goes_from_pending_to_final(stand_in: StandIn, final: State) -> None:
    api = api_of(stand_in)
    name = a_status().name

    api.show_status(target(stand_in), a_status(), "")
    api.show_status(target(stand_in), a_status(final, text="x" * 140), "")

    assert len(set(stand_in.history(name))) == 2
    assert {sha for sha, _ in stand_in.statuses} == {SHA}


def test_a_status_that_is_shown_already_can_be_told_again(stand_in: StandIn) -> None:
    api = api_of(stand_in)

    for text in ("runs", "runs", "1 of 2 passed"):
        api.show_status(target(stand_in), a_status(text=text), "")

    assert len(set(stand_in.history(a_status().name))) == 1


def test_a_comment_is_written_once_and_changed_in_its_place(stand_in: StandIn) -> None:
    api = api_of(stand_in)

    handle = api.show_comment(target(stand_in), Comment(body="at work"), "", MARK)
    again = api.show_comment(target(stand_in), Comment(body="passed"), handle, MARK)

    assert handle == again
    (text,) = stand_in.comments.values()
    assert text.startswith("passed")


def test_a_comment_is_found_again_if_its_writer_died_before_it_said_so(stand_in: StandIn) -> None:
    stand_in.comments["5"] = "somebody else's"
    api = api_of(stand_in)
    lost = api.show_comment(target(stand_in), Comment(body="at work"), "", MARK)

    found = api_of(stand_in).show_comment(target(stand_in), Comment(body="passed"), "", MARK)

    assert found == lost
    assert len(stand_in.comments) == 2
    assert stand_in.comments["5"] == "somebody else's"


def test_a_comment_that_somebody_deleted_is_written_anew(stand_in: StandIn) -> None:
    api = api_of(stand_in)
    handle = api.show_comment(target(stand_in), Comment(body="at work"), "", MARK)
    stand_in.comments.clear()

    again = api.show_comment(target(stand_in), Comment(body="passed"), handle, MARK)

    assert list(stand_in.comments) == [again]


@pytest.mark.parametrize(("headers", "seconds"), LIMITED)
def test_a_forge_that_asks_for_a_pause_is_not_called_before_its_end(
    stand_in: StandIn, headers: dict[str, str], seconds: int
) -> None:
    clock = FakeClock()
    api = api_of(stand_in, clock=clock)
    stand_in.canned.append(Canned(429, headers))

    with pytest.raises(TellLaterError) as caught:
        api.show_status(target(stand_in), a_status(), "")
    assert caught.value.seconds == pytest.approx(seconds)
    clock.now += timedelta(seconds=seconds - 1)
    with pytest.raises(TellLaterError) as caught:
        api.show_comment(target(stand_in), Comment(body="x"), "", MARK)
    assert caught.value.seconds == pytest.approx(1)
    assert len(stand_in.calls) == 1
    clock.now += timedelta(seconds=1)
    api.show_status(target(stand_in), a_status(), "")

    assert len(stand_in.statuses) == 1


@pytest.mark.parametrize(
    "answer",
    [
        Canned(403, {"Retry-After": "7"}),
        Canned(403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1767323052"}),
        Canned(403, {}, b'{"message": "You have exceeded a secondary rate limit."}'),
    ],
)
def test_a_limit_of_github_that_comes_as_forbidden_is_a_pause_too(
    github: StandIn, answer: Canned
) -> None:
    github.canned.append(answer)

    with pytest.raises(TellLaterError) as caught:
        api_of(github).show_status(target(github), a_status(), "")

    assert caught.value.seconds in {7, 60}


@pytest.mark.parametrize(
    "answer",
    [
        Canned(500),
        Canned(502, body=b"<html>bad gateway"),
        Canned(503),
        Canned(0),
        Canned(201, body=b"<html>not JSON"),
    ],
    ids=["500", "502", "503", "hangs up", "no JSON"],
)
def test_a_forge_that_is_down_is_told_later(stand_in: StandIn, answer: Canned) -> None:
    stand_in.canned.append(answer)

    with pytest.raises(TellLaterError) as caught:
        api_of(stand_in).show_status(target(stand_in), a_status(), "")

    assert caught.value.seconds is None
    assert TOKEN not in str(caught.value)


def test_a_forge_that_does_not_answer_in_time_is_told_later(
    github: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "READ_SECONDS", 0.05)
    github.canned.append(Canned(201, seconds=0.5))

    with pytest.raises(TellLaterError, match="cannot be reached: ReadTimeout"):
        api_of(github).show_status(target(github), a_status(), "")


def test_a_forge_that_is_not_there_is_told_later(github: StandIn) -> None:
    api = api_of(github)
    api.api.base = "http://127.0.0.1:9"

    with pytest.raises(TellLaterError, match="cannot be reached"):
        api.show_status(target(github), a_status(), "")


def test_a_wrong_token_is_refused_with_what_to_do_and_is_not_named(stand_in: StandIn) -> None:
    with pytest.raises(NotToldError, match="Bad credentials; the token is wrong") as caught:
        api_of(stand_in, token="old-t0ken").show_status(target(stand_in), a_status(), "")

    assert caught.value.status == 401
    assert "old-t0ken" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "advice"), [(403, "which scope"), (404, "does not see"), (422, "")]
)
def test_what_a_forge_refuses_is_not_tried_again(
    stand_in: StandIn, status: int, advice: str
) -> None:
    stand_in.canned.append(Canned(status, body=b'{"message": "no\\u001b[2J\\nway"}'))

    with pytest.raises(NotToldError) as caught:
        api_of(stand_in).show_status(target(stand_in), a_status(), "")

    assert advice in str(caught.value)
    assert f"with {status}: no" in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_token_does_not_follow_a_redirect(github: StandIn) -> None:
    with forge_stand_in(Forge.GITHUB) as elsewhere:
        github.canned.append(Canned(307, {"Location": f"{elsewhere.url}/steal"}))

        with pytest.raises(NotToldError, match="with 307"):
            api_of(github).show_status(target(github), a_status(), "")

        assert elsewhere.calls == []


def test_an_answer_without_end_is_cut_off(github: StandIn) -> None:
    github.canned.append(Canned(200, body=b"[" * (http.LARGEST_ANSWER + 10)))

    with pytest.raises(NotToldError, match="too much"):
        api_of(github).show_comment(target(github), Comment(body="x"), "", MARK)


def test_nothing_that_is_logged_of_an_api_shows_its_token(github: StandIn) -> None:
    assert TOKEN not in repr(api_of(github))
