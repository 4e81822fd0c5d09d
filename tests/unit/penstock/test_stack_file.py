from dataclasses import replace
from pathlib import Path

import pytest

from penstock.embedded import NotRunningError, Stack

STACK = Stack(
    stage="local",
    region="us-east-1",
    account_id="000000000000",
    endpoint_url="http://127.0.0.1:1",
    api_url="http://127.0.0.1:1/api",
    page_url="http://127.0.0.1:1/",
    webhook_url="http://127.0.0.1:1/webhook",
    git_url="http://penstock:key@127.0.0.1:2",
    topics={"abort-release": "arn:aws:sns:us-east-1:000000000000:penstock-local-abort-release"},
    queues={"build": "http://127.0.0.1:1/000000000000/penstock-local-build"},
    tables={"jobs": "penstock-local-jobs"},
    processes={"emulator": 1},
    repositories=[
        {
            "name": "shop",
            "forge": "git",
            "git_url": "http://penstock:key@127.0.0.1:2/shop.git",
            "webhook_url": "http://127.0.0.1:1/webhook/1",
            "webhook_secret": "s3cret",
        }
    ],
)


def test_a_stack_is_read_as_it_was_written(tmp_path: Path) -> None:
    STACK.save(tmp_path / "stack.json")

    assert Stack.load(tmp_path) == STACK


def test_others_may_not_read_the_secret(tmp_path: Path) -> None:
    STACK.save(tmp_path / "stack.json")

    assert (tmp_path / "stack.json").stat().st_mode & 0o077 == 0


def test_writing_again_leaves_nothing_beside_the_file(tmp_path: Path) -> None:
    STACK.save(tmp_path / "stack.json")
    replace(STACK, processes={}).save(tmp_path / "stack.json")

    assert [path.name for path in tmp_path.iterdir()] == ["stack.json"]
    assert Stack.load(tmp_path).processes == {}


@pytest.mark.parametrize("text", [None, "", "{}", '{"stage": "local"}'])
def test_without_a_stack_the_error_says_what_to_do(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "stack.json").write_text(text)

    with pytest.raises(NotRunningError, match="penstock up"):
        Stack.load(tmp_path)


def test_a_client_talks_to_this_stack_whatever_the_shell_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://elsewhere:1")
    monkeypatch.setenv("AWS_PROFILE", "somebody")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")

    client = STACK.client("sqs")

    assert client.meta.endpoint_url == STACK.endpoint_url
    assert client.meta.region_name == "us-east-1"
