"""The launcher: the state that survives a stop and a kill, and the delay of polls."""

import io
import json
import socket
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.embedded.home import Home
from penstock.embedded.waiting import wait_until
from penstock.emulation.saver import SAVE_INTERVAL
from penstock.emulation.snapshots import SETTLE
from tests.support.emulator import OwnEmulator, wait_for_a_save

pytestmark = pytest.mark.integration

TABLE = "things"
TELLS_AND_THEN_HANGS = """
import boto3, os, time
def handler(event, context):
    body = event["Records"][0]["body"]
    print("got", body)
    boto3.client("sqs").send_message(QueueUrl=os.environ["SEEN"], MessageBody=body)
    time.sleep(60)
"""


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[OwnEmulator]:
    own = OwnEmulator(Home(tmp_path)).start()
    yield own
    own.stop()


def make_table(emulator: OwnEmulator) -> None:
    emulator.client("dynamodb").create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )


def ids_in_table(emulator: OwnEmulator) -> set[int]:
    items = emulator.client("dynamodb").scan(TableName=TABLE)["Items"]
    return {int(item["id"]["S"]) for item in items}


def make_queue(emulator: OwnEmulator, name: str) -> str:
    attributes = {"VisibilityTimeout": "600"}
    made = emulator.client("sqs").create_queue(QueueName=name, Attributes=attributes)
    return str(made["QueueUrl"])


def receive(emulator: OwnEmulator, queue: str, seconds: int) -> list[str]:
    found = emulator.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=seconds)
    return [message["Body"] for message in found.get("Messages", [])]


def make_function_that_hangs(emulator: OwnEmulator, queue: str, seen: str) -> None:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("hangs.py", TELLS_AND_THEN_HANGS)
    functions = emulator.client("lambda")
    functions.create_function(
        FunctionName="hangs",
        Runtime="python3.13",
        Handler="hangs.handler",
        Role="arn:aws:iam::000000000000:role/any",
        Timeout=90,
        Code={"ZipFile": code.getvalue()},
        Environment={"Variables": {"SEEN": seen}},
    )
    functions.create_event_source_mapping(
        FunctionName="hangs", EventSourceArn=f"arn:aws:sqs:us-east-1:000000000000:{queue}"
    )


def test_a_stop_loses_nothing_and_the_port_stays(emulator: OwnEmulator) -> None:
    make_table(emulator)
    emulator.client("s3").create_bucket(Bucket="things")
    emulator.client("s3").put_object(Bucket="things", Key="a", Body=b"content")
    emulator.client("dynamodb").put_item(TableName=TABLE, Item={"id": {"S": "1"}})
    address = emulator.address

    emulator.stop()
    emulator.start()

    assert emulator.address == address
    assert ids_in_table(emulator) == {1}
    assert emulator.client("s3").get_object(Bucket="things", Key="a")["Body"].read() == b"content"


def test_an_emulator_whose_port_was_taken_finds_its_queues_at_another(
    emulator: OwnEmulator,
) -> None:
    jobs = make_queue(emulator, "jobs")
    emulator.client("sqs").send_message(QueueUrl=jobs, MessageBody="a job")
    before = emulator.address
    emulator.stop()

    with socket.create_server(("127.0.0.1", int(before.rpartition(":")[2]))):
        emulator.start()

        assert emulator.address != before
        url = emulator.client("sqs").get_queue_url(QueueName="jobs")["QueueUrl"]
        assert receive(emulator, url, seconds=1) == ["a job"]


def test_a_kill_loses_a_second_at_most(emulator: OwnEmulator) -> None:
    make_table(emulator)
    table = emulator.client("dynamodb")
    written: dict[int, float] = {}
    started = time.monotonic()
    while time.monotonic() < started + 2.5:
        number = len(written)
        table.put_item(TableName=TABLE, Item={"id": {"S": str(number)}})
        written[number] = time.monotonic()

    emulator.kill()
    killed = time.monotonic()
    emulator.start()

    lost = written.keys() - ids_in_table(emulator)
    # One second, plus half a second for machines that are busy with other tests.
    assert all(written[number] > killed - 1.5 for number in lost)


def test_an_idle_emulator_saves_nothing(emulator: OwnEmulator) -> None:
    make_table(emulator)
    current = emulator.home.emulator / "snapshots" / "current"
    settled = SETTLE + 2 * SAVE_INTERVAL
    assert wait_until(
        lambda: current.exists() and time.time() - current.stat().st_mtime > settled, 30
    )
    before = current.resolve()

    ids_in_table(emulator)  # a read is not a change

    assert not wait_until(lambda: current.resolve() != before, 2 * SAVE_INTERVAL)


def test_after_a_kill_functions_get_again_what_died_in_their_hands(emulator: OwnEmulator) -> None:
    seen, work = make_queue(emulator, "seen"), make_queue(emulator, "work")
    make_function_that_hangs(emulator, "work", seen)
    emulator.client("sqs").send_message(QueueUrl=work, MessageBody="once more")
    assert receive(emulator, seen, seconds=20) == ["once more"]
    wait_for_a_save(emulator.home)

    emulator.kill()
    emulator.start()

    assert receive(emulator, seen, seconds=20) == ["once more"]


def test_after_a_kill_runners_keep_what_they_have_in_hand(emulator: OwnEmulator) -> None:
    jobs = make_queue(emulator, "jobs")
    emulator.client("sqs").send_message(QueueUrl=jobs, MessageBody="a job")
    assert receive(emulator, jobs, seconds=1) == ["a job"]
    wait_for_a_save(emulator.home)

    emulator.kill()
    emulator.start()

    assert receive(emulator, jobs, seconds=1) == []


def test_a_long_poll_is_woken_by_a_message(emulator: OwnEmulator) -> None:
    jobs = make_queue(emulator, "jobs")
    receive(emulator, jobs, seconds=1)  # imports what is imported on first use
    delays = [delay_of_a_message(emulator, jobs) for _ in range(5)]

    # Unpatched, ministack polls every 100 ms, so each of them would wait.
    assert min(delays) < 0.05


def delay_of_a_message(emulator: OwnEmulator, queue: str) -> float:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        receiving = pool.submit(receive, emulator, queue, 5)
        assert not wait_until(receiving.done, 0.33)
        sent = time.monotonic()
        emulator.client("sqs").send_message(QueueUrl=queue, MessageBody="now")
        assert receiving.result() == ["now"]
    return time.monotonic() - sent


def test_functions_see_nothing_of_the_shell(
    emulator: OwnEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_SHELL", "s3cret")
    emulator.stop()
    emulator.start()

    assert "SECRET_OF_THE_SHELL" not in environment_told_by_a_function(emulator)


def environment_told_by_a_function(emulator: OwnEmulator) -> dict[str, Any]:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("tells.py", "import os\ndef handler(*_): return dict(os.environ)\n")
    functions = emulator.client("lambda")
    functions.create_function(
        FunctionName="tells",
        Runtime="python3.13",
        Handler="tells.handler",
        Role="arn:aws:iam::000000000000:role/any",
        Code={"ZipFile": code.getvalue()},
    )
    told: dict[str, Any] = json.loads(functions.invoke(FunctionName="tells")["Payload"].read())
    return told


def test_what_jobs_printed_outlives_a_kill_and_grows_no_save(emulator: OwnEmulator) -> None:
    logs = emulator.client("logs")
    logs.create_log_group(logGroupName="jobs")
    logs.create_log_stream(logGroupName="jobs", logStreamName="one")
    for begin in range(0, 20_000, 5_000):
        lines = [
            {"timestamp": 1_000_000 + number, "message": f"{number} {'x' * 150}"}
            for number in range(begin, begin + 5_000)
        ]
        logs.put_log_events(logGroupName="jobs", logStreamName="one", logEvents=lines)
    wait_for_a_save(emulator.home)

    current = emulator.home.emulator / "snapshots" / "current"
    assert sum(path.stat().st_size for path in current.resolve().iterdir()) < 500_000
    emulator.kill()
    emulator.start()

    logs = emulator.client("logs")
    last = logs.get_log_events(logGroupName="jobs", logStreamName="one", limit=10)["events"]
    assert [event["message"].split()[0] for event in last] == [
        str(n) for n in range(19_990, 20_000)
    ]


def test_a_function_saved_in_the_middle_of_an_update_comes_out_of_it(emulator: OwnEmulator) -> None:
    make_queue(emulator, "of-function")
    make_function_that_hangs(emulator, "of-function", "unused")
    functions = emulator.client("lambda")
    functions.get_waiter("function_active_v2").wait(FunctionName="hangs")
    functions.update_function_configuration(FunctionName="hangs", Description="changed")
    emulator.stop()  # saves the state in the middle of the update
    emulator.start()

    found = emulator.client("lambda").get_function_configuration(FunctionName="hangs")
    assert (found["State"], found["LastUpdateStatus"]) == ("Active", "Successful")
    assert found["Description"] == "changed"


SAYS_WHEN_IT_ENDS = """
import boto3, os, time
def handler(event, context):
    queue = boto3.client("sqs")
    queue.send_message(QueueUrl=os.environ["SEEN"], MessageBody="began")
    time.sleep(3)
    queue.send_message(QueueUrl=os.environ["SEEN"], MessageBody="ended")
"""


def test_a_call_ends_though_its_function_is_updated(emulator: OwnEmulator) -> None:
    seen = make_queue(emulator, "seen")
    begin_a_call(emulator, seen)

    emulator.client("lambda").update_function_code(FunctionName="says", ZipFile=zipped("pass"))

    assert receive(emulator, seen, seconds=20) == ["ended"]


def test_no_call_outlives_a_killed_emulator(emulator: OwnEmulator) -> None:
    seen = make_queue(emulator, "seen")
    begin_a_call(emulator, seen)
    wait_for_a_save(emulator.home)

    emulator.kill()
    emulator.start()

    assert receive(emulator, seen, seconds=5) == []


def begin_a_call(emulator: OwnEmulator, seen: str) -> None:
    functions = emulator.client("lambda")
    functions.create_function(
        FunctionName="says",
        Runtime="python3.13",
        Handler="says.handler",
        Role="arn:aws:iam::000000000000:role/any",
        Timeout=30,
        Code={"ZipFile": zipped(SAYS_WHEN_IT_ENDS)},
        Environment={"Variables": {"SEEN": seen}},
    )
    functions.invoke(FunctionName="says", InvocationType="Event")
    assert receive(emulator, seen, seconds=20) == ["began"]


def zipped(code: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("says.py", code)
    return file.getvalue()
