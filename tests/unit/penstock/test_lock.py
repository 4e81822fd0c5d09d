import threading
from pathlib import Path

import pytest

from penstock.embedded.errors import EmbeddedError
from penstock.embedded.home import Home
from penstock.embedded.lock import only_one


def test_a_second_one_waits_and_says_so(tmp_path: Path) -> None:
    home, order = Home(tmp_path), list[str]()
    waits = threading.Event()

    def second() -> None:
        with only_one(home, waits.set):
            order.append("second")

    with only_one(home, lambda: order.append("had to wait")):
        other = threading.Thread(target=second)
        other.start()
        assert waits.wait(5)
        order.append("first")
    other.join(5)

    assert order == ["first", "second"]


def test_a_lock_file_that_a_crash_left_holds_nobody_up(tmp_path: Path) -> None:
    home, waited = Home(tmp_path), threading.Event()
    home.lock_file.write_text("12345")

    with only_one(home, waited.set):
        assert not waited.is_set()


def test_a_home_that_is_a_file_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")

    with (
        pytest.raises(EmbeddedError, match="notes cannot be the stack's home: File exists"),
        only_one(Home(tmp_path / "notes"), lambda: None),
    ):
        pass
