"""State changes: exactly-once effects over messages that arrive at least once."""

import random
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from typing import ClassVar

import pytest

from penstock_shared.contracts.events import BakeStarted, FlowFailed, JobFinished
from penstock_shared.decisions import Decision, Outcome, Record, Result, Write, already_done
from penstock_shared.errors import ContentionError
from penstock_shared.persistence.outbox import Records, Stored
from penstock_shared.testing.fakes import InMemoryRecordStore, RecordingPublisher, fake_records
from tests.support.builders import NOW, a_cause, a_result


class Light(StrEnum):
    RED = "red"
    GREEN = "green"
    OFF = "off"


class Signal(Record):
    transitions: ClassVar[Mapping[Light, frozenset[Light]]] = {
        Light.RED: frozenset({Light.GREEN, Light.OFF}),
        Light.GREEN: frozenset({Light.RED}),
    }
    state: Light
    count: int = 0


def turn(light: Light) -> Write[Signal]:
    return Write(Signal(state=light), [FlowFailed(reason=f"turned {light}")])


def green(known: Signal | None) -> Decision[Signal]:
    return already_done() if known and known.state is Light.GREEN else turn(Light.GREEN)


@pytest.fixture
def records() -> Records[Signal]:
    return fake_records()


def publisher(records: Records[Signal]) -> RecordingPublisher:
    assert isinstance(records.publisher, RecordingPublisher)
    return records.publisher


def stored(records: Records[Signal]) -> Stored[Signal]:
    found = records.store.get("it")
    assert found
    return found


def test_a_change_is_written_said_and_cleared(records: Records[Signal]) -> None:
    outcome = records.change("it", a_cause(), lambda _: turn(Light.RED))

    assert outcome.applied
    assert publisher(records).types() == ["flow-failed"]
    assert stored(records).pending == ()


def test_a_second_delivery_changes_and_says_nothing(records: Records[Signal]) -> None:
    records.change("it", a_cause(), lambda _: turn(Light.RED))
    records.change("it", a_cause(), green)
    again = records.change("it", a_cause(), green)

    assert again.result is Result.ALREADY_DONE
    assert len(publisher(records).said) == 2


def test_a_step_that_is_no_transition_is_refused_by_name(records: Records[Signal]) -> None:
    records.change("it", a_cause(), lambda _: turn(Light.GREEN))
    outcome = records.change("it", a_cause(), lambda _: turn(Light.OFF))

    assert outcome.result is Result.ILLEGAL
    assert "green -> off" in outcome.reason
    assert stored(records).record.state is Light.GREEN


def test_a_final_state_cannot_even_be_written_again(records: Records[Signal]) -> None:
    records.change("it", a_cause(), lambda _: turn(Light.OFF))

    assert records.change("it", a_cause(), lambda _: turn(Light.OFF)).result is Result.ILLEGAL


def test_what_was_not_said_before_a_crash_is_said_by_the_next_delivery(
    records: Records[Signal],
) -> None:
    publisher(records).fails = ConnectionError("the process died here")
    with pytest.raises(ConnectionError):
        records.change("it", a_cause(), green)
    assert len(stored(records).pending) == 1

    publisher(records).fails = None
    again = records.change("it", a_cause(), green)

    assert again.result is Result.ALREADY_DONE
    assert publisher(records).types() == ["flow-failed"]
    assert stored(records).pending == ()


def test_a_later_change_carries_what_was_never_said(records: Records[Signal]) -> None:
    publisher(records).fails = ConnectionError("the process died here")
    with pytest.raises(ConnectionError):
        records.change("it", a_cause(), green)

    publisher(records).fails = None
    records.change("it", a_cause(), lambda _: turn(Light.RED))

    said = [data.reason for data in publisher(records).only(FlowFailed)]
    assert said == ["turned green", "turned red"]


def test_an_event_has_the_same_id_each_time_it_is_said(records: Records[Signal]) -> None:
    other: Records[Signal] = fake_records()
    records.change("it", a_cause(), green)
    other.change("it", a_cause(), green)

    assert publisher(records).said[0].id == publisher(other).said[0].id


def test_the_same_message_ten_times_at_once_has_one_effect(records: Records[Signal]) -> None:
    with ThreadPoolExecutor(10) as pool:
        outcomes = list(pool.map(lambda _: records.change("it", a_cause(), green), range(10)))

    assert sum(outcome.applied for outcome in outcomes) == 1
    assert stored(records).version == 1


def test_changes_at_once_are_all_counted(records: Records[Signal]) -> None:
    records.change("it", a_cause(), lambda _: Write(Signal(state=Light.RED)))

    def count(known: Signal | None) -> Decision[Signal]:
        assert known
        return Write(known.model_copy(update={"count": known.count + 1}))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: records.change("it", a_cause(), count), range(20)))

    assert stored(records).record.count == 20


def test_expecting_a_new_record_saves_the_read_and_still_finds_an_old_one() -> None:
    reads = CountingStore()
    records: Records[Signal] = Records(reads, RecordingPublisher(), "penstock/test")

    records.change("it", a_cause(), green, expect_new=True)
    assert reads.gets == 0
    assert records.change("it", a_cause(), green, expect_new=True).result is Result.ALREADY_DONE


class CountingStore(InMemoryRecordStore[Signal]):
    gets = 0

    def get(self, key: str) -> Stored[Signal] | None:
        self.gets += 1
        return super().get(key)


def test_a_writer_that_always_loses_asks_to_be_called_again() -> None:
    class Busy(InMemoryRecordStore[Signal]):
        def put(self, key: str, stored: Stored[Signal]) -> None:
            super().put(key, Stored(Signal(state=Light.RED), stored.version))
            super().put(key, Stored(stored.record, stored.version))

    records: Records[Signal] = Records(Busy(), RecordingPublisher(), "penstock/test")

    with pytest.raises(ContentionError, match="kept changing"):
        records.change("it", a_cause(), lambda _: turn(Light.RED))


def test_only_what_hands_the_flow_on_counts_as_a_round(records: Records[Signal]) -> None:
    handed_on = BakeStarted(version="1", deadline=NOW)
    beside = JobFinished(result=a_result("1" * 20))

    records.change(
        "it", a_cause(hop=5), lambda _: Write(Signal(state=Light.RED), [handed_on, beside])
    )

    assert {event.type: event.hop for event in publisher(records).said} == {
        "bake-started": 6,
        "job-finished": 5,
    }


@pytest.mark.parametrize("seed", range(20))
def test_crashes_anywhere_lose_and_repeat_nothing(seed: int) -> None:
    """Any mix of crashes before the publish and redeliveries ends with each event said, and
    with each effect once."""
    dice = random.Random(seed)
    records: Records[Signal] = fake_records()
    said: RecordingPublisher = publisher(records)

    def deliver(decide: "Step") -> Outcome[Signal] | None:
        said.fails = ConnectionError() if dice.random() < 0.5 else None
        try:
            return records.change("it", a_cause(), decide)
        except ConnectionError:
            return None

    steps = [Step(Light.RED, 1), Step(Light.GREEN, 2), Step(Light.RED, 3)]
    for step in steps:
        while deliver(step) is None:
            pass

    assert stored(records).record.count == 3
    assert {data.reason for data in said.only(FlowFailed)} == {"step 1", "step 2", "step 3"}


class Step:
    def __init__(self, light: Light, number: int) -> None:
        self.light, self.number = light, number

    def __call__(self, known: Signal | None) -> Decision[Signal]:
        if known and known.count >= self.number:
            return already_done()
        record = Signal(state=self.light, count=self.number)
        return Write(record, [FlowFailed(reason=f"step {self.number}")])
