"""`penstock secret`: what is refused before anything is stored, and how a value is read."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from penstock.app import app
from penstock.errors import UsageError
from penstock.secrets import checked_value
from penstock_shared.contracts.change import Forge
from penstock_shared.contracts.secrets import SecretPlace
from tests.unit.penstock.commands.fake_stack import FakeStack, a_flow

ASK = """
import fcntl, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # a terminal of its own, as after a login
from penstock.commands.secret import _value
print(len(_value("API_KEY")))
"""


def secret_set(home: Path, *arguments: str, value: str = "s3cret\n") -> Result:
    command = ["secret", "set", *arguments, "--repository", "acme/shop"]
    return CliRunner(env={"PENSTOCK_HOME": str(home)}).invoke(app, command, input=value)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "the value is empty"),
        (b" \n\n", "the value is empty"),
        (b"abc", "cannot be masked"),
        (b"abc\nde\n f   \n", "cannot be masked"),
        (b"\xff\xfe12345", "not UTF-8"),
        (b"with\0zero", "zero byte"),
        (b"x" * 16_385, "16,385 bytes; the limit is 16,384"),
    ],
)
def test_a_value_that_could_not_be_used_or_masked_is_refused(value: bytes, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        checked_value(value)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (b"s3cret\n", "s3cret"),
        (b"s3cret\r\n", "s3cret"),
        (b"one\ntwo2\n", "one\ntwo2"),
        (b" s3cret ", " s3cret "),
        (b"x" * 16_384, "x" * 16_384),
    ],
)
def test_only_the_line_break_of_the_shell_is_taken_from_a_value(value: bytes, kept: str) -> None:
    assert checked_value(value) == kept


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("1ST",), "no name of a secret"),
        (("API-KEY",), "no name of a secret"),
        (("../../repositories/x",), "no name of a secret"),
        (("API_KEY", "--environment", "-"), "no name of an environment"),
        (("API_KEY", "--environment", "a/b"), "no name of an environment"),
        (("API_KEY", "--trust", "fork"), "no secret is given to forks"),
    ],
)
def test_names_that_would_lead_elsewhere_are_refused(
    home: Path, stack: FakeStack, arguments: tuple[str, ...], reason: str
) -> None:
    done = secret_set(home, *arguments)
    assert (done.exit_code, stack.published) == (2, [])
    assert reason in done.stderr
    assert "s3cret" not in done.output


def test_a_refused_value_is_not_repeated(home: Path, stack: FakeStack) -> None:
    done = secret_set(home, "API_KEY", "--forge", "git", value="abc")
    assert (done.exit_code, stack.asked) == (2, [])
    assert "abc" not in done.output


PROMOTED = {
    "name": "orders",
    "deployments": [{"environment": "staging"}, {"environment": "production"}],
}


@pytest.mark.parametrize(
    ("environment", "doubt"),
    [
        ("prod", "deployed to production and staging, and not to prod. Did you mean production?"),
        ("production", ""),
    ],
)
def test_an_environment_that_nothing_was_deployed_to_is_doubted(
    home: Path, stack: FakeStack, environment: str, doubt: str
) -> None:
    stack.flows = {"a" * 20: a_flow("a" * 20, "succeeded", components=[PROMOTED])}

    done = secret_set(home, "API_KEY", "--forge", "git", "--environment", environment)

    assert stack.job_secrets == [f"penstock/local/secrets/git/acme/shop/{environment}/API_KEY"]
    assert doubt in done.stderr.replace("\n", " ")
    assert bool(done.stderr) == bool(doubt)


def test_a_terminal_does_not_show_a_value_while_it_is_typed() -> None:
    screen, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", ASK],
        stdin=terminal,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as asking:
        os.close(terminal)
        shown = os.read(screen, 1000)  # the prompt comes once the terminal echoes nothing
        os.write(screen, b"s3cret\n")
        while b"\n" not in shown:
            shown += os.read(screen, 1000)
        said, _ = asking.communicate()
    os.close(screen)
    assert said.endswith(b"6\n")
    assert b"s3cret" not in shown + said


def test_the_id_of_a_secret_names_all_that_it_is_for() -> None:
    place = SecretPlace("prod", Forge.GITLAB, "acme/web/shop", "staging")
    assert [one.id_of("KEY") for one in place.looked_in()] == [
        "penstock/prod/secrets/gitlab/acme/web/shop/staging/KEY",
        "penstock/prod/secrets/gitlab/acme/web/shop/-/KEY",
    ]
