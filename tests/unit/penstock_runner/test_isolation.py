"""What jobs can read of the runner."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from penstock_runner.isolation import hide_credentials
from penstock_runner.settings import RunnerSettings, passed_on, runner_settings
from penstock_shared.errors import ConfigurationError

SHOW = """
import os
from pathlib import Path
from penstock_runner.isolation import hide_credentials

before = os.getpid()
hide_credentials()
initial = Path("/proc/self/environ").read_bytes()
print(os.environ["AWS_SECRET_ACCESS_KEY"], os.environ["OTHER"])
print("PENSTOCK_RUNNER_HANDOVER" in os.environ)
print(b"a secret" in initial, b"AWS_" in initial, b"OTHER=thing" in initial)
"""
SETTINGS = {
    "PENSTOCK_STAGE": "local",
    "TABLE_NAME": "jobs",
    "TOPIC_ARN_PREFIX": "arn:",
    "QUEUE_URL_PREFIX": "http://",
    "ARTIFACT_BUCKET": "artifacts",
    "JOB_LOG_GROUP": "/jobs",
    "PENSTOCK_RUNNER_TRUST": "release",
    "PENSTOCK_RUNNER_WORKDIR": "/somewhere",
}


def test_credentials_are_not_in_the_environment_that_proc_shows(tmp_path: Path) -> None:
    script = tmp_path / "show.py"
    script.write_text(SHOW)
    environment = {"AWS_SECRET_ACCESS_KEY": "a secret", "OTHER": "thing", "PATH": os.defpath}

    with subprocess.Popen(
        [sys.executable, str(script)], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        shown, _ = process.communicate()

    assert process.returncode == 0
    assert shown.splitlines() == ["a secret thing", "False", "False False True"]


def test_without_credentials_nothing_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "execve", lambda *_: pytest.fail("it started again"))

    hide_credentials({"PATH": "/bin"})


def settings_from(monkeypatch: pytest.MonkeyPatch, **given: str) -> RunnerSettings:
    for name, value in (SETTINGS | given).items():
        monkeypatch.setenv(name, value)
    return runner_settings()


def test_settings_have_sensible_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "an index")
    monkeypatch.setenv("GITHUB_TOKEN", "a secret")
    told = settings_from(monkeypatch)

    assert told.penstock_runner_slots == 2
    assert told.penstock_runner_lease_seconds == 10
    assert told.penstock_runner_path == "/usr/local/bin:/usr/bin:/bin"
    assert told.penstock_runner_presets == sys.executable
    assert passed_on(told)["PIP_INDEX_URL"] == "an index"
    assert "GITHUB_TOKEN" not in passed_on(told)


def test_jobs_are_given_what_the_machine_s_owner_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_INDEX", "an index")

    told = settings_from(monkeypatch, PENSTOCK_RUNNER_PASSES="UV_INDEX, NOT_SET")

    assert passed_on(told) == {"UV_INDEX": "an index"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PENSTOCK_RUNNER_SLOTS", "none"),
        ("PENSTOCK_RUNNER_LEASE_SECONDS", "0"),
        ("PENSTOCK_RUNNER_PASSES", "HTTPS_PROXY,AWS_SESSION_TOKEN"),
    ],
)
def test_wrong_settings_are_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        settings_from(monkeypatch, **{name: value})


def test_a_runner_without_settings_says_what_it_needs() -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "penstock_runner"],
        env={"PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
    )

    assert finished.returncode == 2
    assert finished.stderr.startswith("penstock runner: environment variables missing or wrong: ")
    assert "JOB_LOG_GROUP" in finished.stderr
