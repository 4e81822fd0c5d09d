import json
from pathlib import Path
from typing import Any

import pytest

from penstock.emulation.snapshots import SETTLE, Changes, Snapshots


def snapshots_in(folder: Path, port: int = 4566) -> Snapshots:
    return Snapshots(folder, str(port), encode=str, decode=lambda found: found)


def test_what_was_saved_is_loaded_by_the_next_launch(tmp_path: Path) -> None:
    snapshots_in(tmp_path).save({"sqs": lambda: {"queues": ["jobs"]}, "sns": dict}, 1)

    assert snapshots_in(tmp_path).load("sqs") == {"queues": ["jobs"]}
    assert snapshots_in(tmp_path).load("lambda") is None


def test_addresses_follow_the_emulator_to_another_port(tmp_path: Path) -> None:
    urls = ["http://localhost:4566/0/jobs", "http://127.0.0.1:4566/0/jobs", "http://a:4566/"]
    snapshots_in(tmp_path, port=4566).save({"sqs": lambda: urls}, 1)

    assert snapshots_in(tmp_path, port=20001).load("sqs") == [
        "http://localhost:20001/0/jobs",
        "http://127.0.0.1:20001/0/jobs",
        "http://a:4566/",
    ]


def test_a_save_that_dies_half_way_leaves_the_snapshot_before_whole(tmp_path: Path) -> None:
    def dies() -> Any:
        raise KeyboardInterrupt

    snapshots_in(tmp_path).save({"sqs": lambda: 1, "lambda": lambda: 1}, 1)
    with pytest.raises(KeyboardInterrupt):
        snapshots_in(tmp_path).save({"sqs": lambda: 2, "lambda": dies}, 2)

    after = snapshots_in(tmp_path)
    assert [after.load("sqs"), after.load("lambda")] == [1, 1]


def test_a_save_that_died_before_its_last_step_leaves_no_litter(tmp_path: Path) -> None:
    snapshots_in(tmp_path).save({"sqs": lambda: 1}, 1)
    (tmp_path / "123").mkdir()
    (tmp_path / "123" / "sqs.json").write_text(json.dumps(2))
    (tmp_path / "123.link").symlink_to("123")

    assert snapshots_in(tmp_path).load("sqs") == 1
    assert len(list(tmp_path.iterdir())) == 2


def test_only_the_newest_snapshot_is_kept(tmp_path: Path) -> None:
    snapshots = snapshots_in(tmp_path)
    for number in range(3):
        snapshots.save({"sqs": lambda number=number: number}, number)  # type: ignore[misc]  # bound now

    assert snapshots.load("sqs") == 2
    assert len(list(tmp_path.iterdir())) == 2


def test_saving_goes_on_a_little_after_the_last_change() -> None:
    changes = Changes()
    assert not changes.since(0)

    changes.note()

    last = changes._last
    assert changes.since(last + SETTLE / 2)
    assert not changes.since(last + SETTLE * 2)
