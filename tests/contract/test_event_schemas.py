"""What is said between services is written down, and does not change behind a consumer's back."""

import json
from pathlib import Path

import jsonschema
import pytest

from penstock_shared.contracts.event import EventData, encode, make_event
from penstock_shared.contracts.events import BuildRequested, DeployDone, FlowFailed, JobFinished
from penstock_shared.contracts.schemas import (
    ChangedSchemaError,
    file_name,
    published_events,
    text_of,
    write_schemas,
)
from tests.support.builders import FLOW_ID, NOW, a_cause, a_change, a_deploy_done, a_result

SCHEMAS = Path(__file__).parents[2] / "docs" / "events"


@pytest.mark.parametrize("data_class", list(published_events()), ids=lambda event: event.type)
def test_an_event_is_as_its_published_schema_says(data_class: type[EventData]) -> None:
    path = SCHEMAS / file_name(data_class)

    assert path.exists(), f"run: make schemas (there is no {path.name})"
    assert path.read_text() == text_of(data_class), (
        f"{data_class.type} has changed: raise its data_version and write an upcast"
    )


@pytest.mark.parametrize(
    "data",
    [
        BuildRequested(change=a_change()),
        JobFinished(result=a_result()),
        FlowFailed(reason="x", job=a_result()),
        a_deploy_done(),
    ],
    ids=lambda data: data.type,
)
def test_a_message_on_the_wire_is_valid_against_its_schema(data: EventData) -> None:
    schema = json.loads((SCHEMAS / file_name(type(data))).read_text())
    trace = a_cause().traceparent
    event = make_event(
        data, flow_id=FLOW_ID, source="penstock/test", time=NOW, traceparent=trace, hop=1
    )

    jsonschema.validate(json.loads(encode(event)), schema)


def test_a_schema_that_differs_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / file_name(DeployDone)).write_text("{}")

    with pytest.raises(ChangedSchemaError, match="raise its data_version"):
        write_schemas(tmp_path)
