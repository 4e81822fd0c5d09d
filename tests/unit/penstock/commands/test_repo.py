"""penstock repo: against the real registry, in memory behind the fake stack."""

import json
from pathlib import Path
from typing import Any

import pytest

from penstock.remote import forge_of
from penstock_shared.contracts.change import Forge
from penstock_shared.contracts.registration import repository_id
from tests.unit.build_service.registered import SECRET
from tests.unit.penstock.commands.conftest import Run
from tests.unit.penstock.commands.fake_stack import FakeStack, a_flow

NAME, ADDRESS = "acme/shop", "https://github.com/acme/shop.git"
SHOP = repository_id(Forge.GITHUB, NAME)


@pytest.fixture
def added(run: Run, stack: FakeStack) -> str:  # it runs meanwhile
    """What was printed when acme/shop was registered."""
    return str(run("repo", "add", NAME, ADDRESS).stdout)


def shown(run: Run, *arguments: str) -> Any:
    return json.loads(run("repo", "show", NAME, "--json", *arguments).stdout)


def test_add_prints_the_webhook_and_its_secret(added: str) -> None:
    assert "Registered acme/shop of github." in added
    assert f"/webhook/{SHOP}" in added
    assert SECRET in added


def test_nothing_else_prints_the_secret(run: Run, added: str) -> None:
    for command in (["list"], ["list", "--json"], ["show", NAME], ["show", NAME, "--json"]):
        said = run("repo", *command)
        assert NAME in said.stdout
        assert SECRET not in said.output


def test_list_says_what_each_may_do(run: Run, added: str) -> None:
    said = run("repo", "list").stdout

    assert "REPOSITORY" in said
    assert "main, master" in said
    assert ADDRESS in said


@pytest.mark.usefixtures("stack")
def test_without_repositories_list_says_what_to_do(run: Run) -> None:
    assert "penstock repo add" in run("repo", "list").stdout


@pytest.mark.usefixtures("stack")
def test_what_a_repository_may_do_is_given_when_it_is_added(run: Run) -> None:
    options = ["--protect", "live", "--protect", "refs/heads/v*", "--least-bake", "2h"]
    options += ["--jobs", "8"]
    run("repo", "add", NAME, ADDRESS, *options, "--environment", "eu-*", "--deploy-prefix", "shop-")

    assert shown(run)["allowance"] == {
        "protected": ["refs/heads/live", "refs/heads/v*"],
        "least_bake": 7200,
        "environments": ["eu-*"],
        "deploy_prefix": "shop-",
        "jobs_at_once": 8,
        "forks": "approve",
    }


def test_a_token_is_read_from_the_standard_input_and_never_printed(
    run: Run, stack: FakeStack
) -> None:
    said = run("repo", "add", NAME, ADDRESS, "--token", told="t0ken\n").output

    credential = stack.registry.secrets.known[SHOP].credential
    assert credential
    assert (credential.user, credential.token) == ("x-access-token", "t0ken")
    assert "t0ken" not in said + run("repo", "show", NAME).output
    assert "a token" in said


@pytest.mark.usefixtures("stack")
def test_a_token_that_is_none_is_refused_without_quoting_it(run: Run) -> None:
    said = run("repo", "add", NAME, ADDRESS, "--token", told="my own token\n", code=2).output

    assert "token is a token: one line without spaces" in said
    assert "my own" not in said


def test_set_changes_what_it_names(run: Run, added: str) -> None:
    run("repo", "set", NAME, "--least-bake", "30m")

    assert shown(run)["allowance"]["least_bake"] == 1800
    assert shown(run)["allowance"]["protected"] == ["refs/heads/main", "refs/heads/master"]


def test_set_changes_how_many_jobs_run_at_once_alone(run: Run, added: str) -> None:
    run("repo", "set", NAME, "--jobs", "3")

    assert shown(run)["allowance"]["jobs_at_once"] == 3


def test_set_without_an_option_asks_what_to_change(run: Run, added: str) -> None:
    assert "say what to change" in run("repo", "set", NAME, code=2).stderr


def test_a_repository_without_a_least_bake_has_none(run: Run, added: str) -> None:
    assert "least bake      none" in run("repo", "show", NAME).stdout


@pytest.mark.parametrize("name", ["acme/../shop", "..", "acme/.", "acme/shop/.."])
def test_a_name_that_leads_elsewhere_is_refused(run: Run, name: str) -> None:
    assert "full name is owner/name" in run("repo", "add", name, ADDRESS, code=2).stderr


def test_a_name_may_begin_with_a_dot(run: Run, stack: FakeStack) -> None:
    assert "Registered acme/.github" in run("repo", "add", "acme/.github", ADDRESS).stdout


def test_a_secret_rotated_without_overlap_ends(run: Run, added: str) -> None:
    said = run("repo", "rotate-secret", NAME, "--overlap", "0s").stdout

    assert "the one before ends within half a minute" in said


def test_a_rotated_secret_is_printed_once(run: Run, stack: FakeStack, added: str) -> None:
    said = run("repo", "rotate-secret", NAME, "--overlap", "1h").stdout

    assert "new secret" in said
    assert "valid for another 1h" in said
    secrets = stack.registry.secrets.known[SHOP]
    assert secrets.valid(stack.registry.clock()) == ("new secret", SECRET)


def test_the_stack_file_has_the_repositories_and_their_secrets(
    run: Run, home: Path, added: str
) -> None:
    run("repo", "rotate-secret", NAME)

    (entry,) = json.loads((home / "stack.json").read_text())["repositories"]
    assert (entry["name"], entry["git_url"]) == (NAME, ADDRESS)
    assert entry["webhook_url"].endswith(f"/webhook/{SHOP}")
    assert entry["webhook_secret"] == "new secret"
    assert (home / "stack.json").stat().st_mode & 0o077 == 0


def test_remove_forgets_a_repository_and_says_what_still_runs(
    run: Run, stack: FakeStack, added: str
) -> None:
    stack.flows = {"a" * 20: a_flow("a" * 20, "baking"), "b" * 20: a_flow("b" * 20, "succeeded")}

    said = run("repo", "remove", NAME, told="y\n").stdout

    assert "acme/shop of github is forgotten" in said
    assert f"flow {'a' * 20} goes on" in said
    assert "b" * 20 not in said
    assert stack.registry.secrets.known == {}
    assert "no repository acme/shop is registered" in run("repo", "show", NAME, code=4).stderr


SECRETS = "penstock/local/secrets/"
OWN = [f"{SECRETS}github/acme/shop/-/API_KEY", f"{SECRETS}github/acme/shop/production/KEY"]
OTHERS = [f"{SECRETS}git/acme/shop/-/API_KEY", f"{SECRETS}github/acme/other/-/API_KEY"]


@pytest.mark.usefixtures("added")
def test_remove_takes_the_secrets_of_its_jobs_with_it(run: Run, stack: FakeStack) -> None:
    stack.job_secrets = [*OWN, *OTHERS]

    said = run("repo", "remove", NAME, told="y\n").stdout

    assert "and the secrets of its jobs: API_KEY, KEY (production)?" in said
    assert stack.job_secrets == OTHERS


@pytest.mark.usefixtures("added")
def test_remove_keeps_the_secrets_of_its_jobs_if_it_is_told_to(run: Run, stack: FakeStack) -> None:
    stack.job_secrets = [*OWN]

    run("repo", "remove", NAME, "--keep-secrets", "--yes")

    assert stack.job_secrets == OWN


def test_a_folder_that_is_no_repository_is_not_registered(run: Run, stack: FakeStack) -> None:
    said = run("repo", "add", "foo", "file:///etc", code=4).stderr

    assert said == "penstock: there is no git repository at file:///etc\n"
    assert stack.registry.secrets.known == {}


def test_remove_asks_first(run: Run, stack: FakeStack, added: str) -> None:
    run("repo", "remove", NAME, told="n\n", code=1)

    assert SHOP in stack.registry.secrets.known


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["add", NAME, ADDRESS], 5, "is registered already"),
        (["add", "a b", ADDRESS], 2, "full name is owner/name"),
        (["add", "x", "git@github.com:acme/x.git"], 2, "is one of ssh"),
        (["add", "x", "https://u:p@github.com/x.git"], 2, "holds a user name or a password"),
        (["set", NAME, "--protect", "a b"], 2, "protected is a branch, or a pattern"),
        (["set", NAME, "--least-bake", "soon"], 2, "'soon' is not a duration"),
        (["set", NAME, "--environment", "a b"], 2, "environments is the name of an environment"),
        (["set", NAME, "--deploy-prefix", "a/b"], 2, "deploy prefix is at most 50 letters"),
        (["set", NAME, "--token", "--no-token"], 2, "give one of them"),
        (["show", "acme/shpo"], 4, "there are acme/shop"),
        (["rotate-secret", "acme/shpo"], 4, "no repository acme/shpo is registered"),
    ],
)
def test_what_cannot_be_is_told(
    run: Run, added: str, arguments: list[str], code: int, reason: str
) -> None:
    said = run("repo", *arguments, code=code).stderr

    assert reason in said
    assert "u:p" not in said


@pytest.mark.parametrize(
    ("address", "forge"),
    [
        ("https://github.com/acme/shop.git", Forge.GITHUB),
        ("git@github.com:acme/shop.git", Forge.GITHUB),
        ("ssh://git@gitlab.com/acme/shop", Forge.GITLAB),
        ("https://git.example.com/github.com/shop", Forge.GIT),
        ("file:///srv/shop.git", Forge.GIT),
    ],
)
def test_an_address_says_which_forge_it_is_of(address: str, forge: Forge) -> None:
    assert forge_of(address) is forge
