"""The parts of a sandbox: addresses, folders, limits; and machines that cannot make one."""

import sys
from pathlib import Path

import pytest

from penstock_runner.adapters.guard import ProcessGuard
from penstock_runner.adapters.linux import adopt_orphans, refuse_inspection
from penstock_runner.adapters.shell import PosixShell
from penstock_runner.domain.interruption import StopSignal
from penstock_runner.domain.ports import Command
from penstock_runner.errors import JobError
from penstock_runner.sandbox.addresses import host_and_port, is_local, is_refused
from penstock_runner.sandbox.folders import parents_of, tool_folders
from penstock_runner.sandbox.limits import Limits, readable
from penstock_runner.sandbox.network import places_in
from penstock_runner.sandbox.probe import Wanted, best_sandbox
from penstock_runner.sandbox.script import script_of
from penstock_runner.sandbox.unconfined import Unconfined
from penstock_shared.contracts.jobs import JobState


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::",
        "fd00:ec2::254",
        "fe80::1%eth0",
        "127.8.8.8",
        "::1",
        "::ffff:127.0.0.1",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "100.100.100.200",
        "168.63.129.16",
    ],
)
def test_no_job_reaches_the_machine_or_its_metadata_by_any_spelling(address: str) -> None:
    assert is_refused(address)


@pytest.mark.parametrize("address", ["10.0.0.1", "192.168.1.1", "8.8.8.8", "2606:4700::1"])
def test_jobs_reach_the_outside(address: str) -> None:
    assert not is_refused(address)


@pytest.mark.parametrize(
    ("text", "parts"), [("a.example:443", ("a.example", 443)), ("[::1]:80", ("::1", 80))]
)
def test_a_place_has_a_host_and_a_port(text: str, parts: tuple[str, int]) -> None:
    assert host_and_port(text) == parts


@pytest.mark.parametrize("text", ["", "a", "a:", ":80", "a:0", "a:65536", "a:b"])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no host:port"):
        host_and_port(text)


def test_package_indexes_and_proxies_are_places_that_jobs_need() -> None:
    variables = {
        "PIP_INDEX_URL": "https://user:key@pypi.corp.example/simple",
        "PIP_EXTRA_INDEX_URL": "http://127.0.0.1:3141/a http://127.0.0.1:3141/b",
        "npm_config_registry": "http://10.0.0.5:4873/",
        "PIP_FIND_LINKS": "/opt/wheels",
        "NO_PROXY": "http://never.example",
        "TZ": "http://elsewhere.example",
    }

    assert places_in(variables) == ["pypi.corp.example:443", "127.0.0.1:3141", "10.0.0.5:4873"]


def test_loopback_is_local_by_name_and_number() -> None:
    assert is_local("localhost:80")
    assert is_local("127.0.0.1:80")
    assert is_local("[::1]:80")
    assert not is_local("10.0.0.5:80")


def test_tools_in_somebody_s_home_bring_what_they_run_from_and_no_credentials(
    tmp_path: Path,
) -> None:
    for folder in ("home/.cargo/bin", "home/.cargo/registry", "home/.asdf/shims", "home/.asdf/lib"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "home/.cargo/credentials.toml").write_text("a secret")
    home = tmp_path / "home"

    found = tool_folders(f"/usr/bin:{home}/.cargo/bin:{home}/.asdf/shims:{home}:nowhere", home)

    assert found == [home / ".asdf/lib", home / ".asdf/shims", home / ".cargo/bin"]


def test_an_installation_comes_whole_also_by_a_link(tmp_path: Path) -> None:
    python = tmp_path / "home/.local/share/python-3.12/bin/python3"
    python.parent.mkdir(parents=True)
    python.touch()
    programs = tmp_path / "home/.local/bin"
    programs.mkdir()
    (programs / "python3").symlink_to(python)

    found = tool_folders(str(programs), tmp_path / "home")

    assert found == [programs, python.parent.parent]


def test_what_lies_above_a_folder_can_be_passed_through() -> None:
    assert parents_of([Path("/a/b/c")]) == [
        "--perms", "0755", "--dir", "/a", "--perms", "0755", "--dir", "/a/b",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("script", "environment", "reason"),
    [
        ("a\0b", {}, "embedded null byte"),
        ("true " * 100_000, {}, "Argument list too long"),
        ("true", {"NOT A NAME": ""}, "no shell has a variable named 'NOT A NAME'"),
    ],
)
def test_what_no_shell_can_be_given_is_refused(
    script: str, environment: dict[str, str], reason: str
) -> None:
    with pytest.raises(JobError, match=reason):
        script_of(Command(script, Path("/"), environment, 1), Limits())


@pytest.mark.parametrize(
    ("size", "text"),
    [(4 << 30, "4 GiB"), ((4 << 30) + (1 << 28), "4.2 GiB"), (300 << 20, "300 MiB")],
)
def test_sizes_are_for_people(size: int, text: str) -> None:
    assert readable(size) == text


def test_a_limit_ends_a_job_without_a_sandbox_too(tmp_path: Path) -> None:
    shell = PosixShell(ProcessGuard(), Unconfined(Limits(disk=8 << 20)))
    script = "while :; do head -c 1000000 /dev/zero >> big; done"

    ending = shell.run(Command(script, tmp_path, {}, 30), lambda _: None, StopSignal())

    assert ending.state is JobState.FAILED
    assert ending.reason.endswith("MiB of disk, the limit is 8 MiB")


def test_a_mac_runs_jobs_and_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.delattr("os.pidfd_open", raising=False)
    monkeypatch.delattr("os.memfd_create", raising=False)
    output: list[bytes] = []

    found = best_sandbox(Wanted())
    shell = PosixShell(ProcessGuard(), found.sandbox)
    adopt_orphans()
    refuse_inspection()
    stop = StopSignal()
    ending = shell.run(Command("echo hello; exit 3", tmp_path, {}, 30), output.append, stop)
    late = shell.run(Command("sleep 100", tmp_path, {}, 0.2), output.append, stop)

    assert ending.exit_code == 3
    assert late.state is JobState.TIMED_OUT
    assert b"".join(output) == b"hello\n"
    assert not found.confines
    assert "without a sandbox" in str(found)
    assert "need Linux" in str(found)
