"""penstock repo answers: against the real registry, in memory behind the fake stack."""

import json
from typing import Any

import pytest

from penstock_shared.contracts.change import Forge
from penstock_shared.contracts.registration import repository_id
from tests.unit.penstock.commands.conftest import Run
from tests.unit.penstock.commands.fake_stack import FakeStack

NAME = "acme/shop"
TOKEN = "wr1te-t0ken"  # of these tests


def add(run: Run, address: str, forge: str) -> None:
    run("repo", "add", NAME, address, "--forge", forge)


def shown(run: Run) -> Any:
    return json.loads(run("repo", "show", NAME, "--json").stdout)


@pytest.mark.parametrize(
    ("forge", "address", "api"),
    [
        ("github", "https://github.com/acme/shop.git", "https://api.github.com"),
        ("github", "https://git.corp.invalid/acme/shop.git", "https://git.corp.invalid/api/v3"),
    ],
)
def test_the_api_follows_from_the_clone_address(
    run: Run, stack: FakeStack, forge: str, address: str, api: str
) -> None:
    add(run, address, forge)

    said = run("repo", "answers", NAME, "on", told=f"{TOKEN}\n")

    assert f"is told at {api}" in said.stdout
    known = stack.registry.write_credentials.known[repository_id(Forge(forge), NAME)]
    assert (known.token, known.api_url) == (TOKEN, api)
    assert not known.page_url.endswith("/")
    assert TOKEN not in said.output
    assert shown(run)["answers"] is True


def test_off_forgets_the_token(run: Run, stack: FakeStack) -> None:
    add(run, "https://github.com/acme/shop.git", "github")
    run("repo", "answers", NAME, "on", told=TOKEN)

    said = run("repo", "answers", NAME, "off").stdout

    assert "is told nothing" in said
    assert stack.registry.write_credentials.known == {}
    assert shown(run)["answers"] is False


def test_a_repository_that_is_removed_takes_its_token_with_it(run: Run, stack: FakeStack) -> None:
    add(run, "https://github.com/acme/shop.git", "github")
    run("repo", "answers", NAME, "on", told=TOKEN)

    run("repo", "remove", NAME, "--yes")

    assert stack.registry.write_credentials.known == {}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["on", "--api", "http://forge.invalid"], "must begin with https://"),
        (["on", "--api", "https://u:p@forge.invalid"], "no user name"),
        (["on", "--api", "https://forge.invalid/?x=1"], "must begin with https://"),
        (["on", "--api", "https://forge.invalid:x"], "must begin with https://"),
        (["off", "--api", "https://forge.invalid"], "--api goes with on"),
    ],
)
@pytest.mark.usefixtures("stack")
def test_a_token_is_sent_to_an_address_that_is_one(
    run: Run, arguments: list[str], reason: str
) -> None:
    add(run, "https://github.com/acme/shop.git", "github")

    said = run("repo", "answers", NAME, *arguments, told=TOKEN, code=2)

    assert reason in " ".join(said.output.split())
    assert TOKEN not in said.output


@pytest.mark.usefixtures("stack")
def test_plain_git_has_no_place_for_answers(run: Run) -> None:
    add(run, "https://git.invalid/acme/shop.git", "git")

    assert "no place for answers" in run("repo", "answers", NAME, "on", told=TOKEN, code=2).output
