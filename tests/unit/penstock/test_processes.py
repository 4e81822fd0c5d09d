import os
import signal
import sys
from pathlib import Path

import pytest

from penstock.embedded.processes import Process, ProcessBook, _moment_of_start
from penstock.embedded.waiting import wait_until

SLEEP = (sys.executable, "-c", "import time; time.sleep(60)")
IGNORE_TERM = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(60)
"""


@pytest.fixture
def book(tmp_path: Path) -> ProcessBook:
    return ProcessBook(tmp_path / "processes.json", tmp_path)


def test_a_process_outlives_the_book_that_started_it(book: ProcessBook) -> None:
    process = book.start("sleeper", SLEEP, os.environ)
    later = ProcessBook(book.file, book.logs)

    assert later.alive() == {"sleeper": process}
    assert os.getsid(process.pid) == process.pid

    later.stop(["sleeper"], patience=5)
    assert not process.is_alive()
    assert later.all() == {}


def test_a_recycled_id_is_not_ours_to_kill(book: ProcessBook) -> None:
    stranger = book.start("stranger", SLEEP, os.environ)
    book._write({"emulator": Process(stranger.pid, "another boot 12345")})

    assert book.alive() == {}
    book.stop(["emulator"], patience=1)

    assert stranger.is_alive()
    os.kill(stranger.pid, signal.SIGKILL)


def test_who_does_not_listen_is_killed(book: ProcessBook) -> None:
    process = book.start("deaf", (sys.executable, "-c", IGNORE_TERM), os.environ)
    assert wait_until(lambda: "deaf" in book.last_words("deaf"), 10)

    book.stop(["deaf"], patience=0.1)

    assert not process.is_alive()


def test_what_a_process_started_goes_with_it(book: ProcessBook) -> None:
    starts_another = (
        "import subprocess, sys;"
        "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid)"
    )
    waits = f"{starts_another}; sys.stdout.flush(); import time; time.sleep(60)"
    book.start("parent", (sys.executable, "-c", waits), os.environ)
    assert wait_until(lambda: book.last_words("parent").isdigit(), 10)
    child = int(book.last_words("parent"))

    book.stop(["parent"], patience=5)

    assert wait_until(lambda: not _moment_of_start(child), 5)


def test_a_killed_process_is_dead_though_nobody_has_waited_for_it(book: ProcessBook) -> None:
    process = book.start("victim", SLEEP, os.environ)

    os.kill(process.pid, signal.SIGKILL)

    assert wait_until(lambda: not process.is_alive(), 5)
    assert book.alive() == {}
    assert "victim" in book.all()


def test_last_words_are_the_end_of_the_log(book: ProcessBook) -> None:
    process = book.start("talker", (sys.executable, "-c", "raise SystemExit('no port')"), {})

    assert wait_until(lambda: not process.is_alive(), 10)
    assert book.last_words("talker") == "no port"


@pytest.mark.parametrize("text", ["", "{", '{"emulator": 1}', '{"emulator": {"pid": 1}}'])
def test_an_unreadable_book_is_empty(book: ProcessBook, text: str) -> None:
    book.file.write_text(text)

    assert book.all() == {}
