"""JSON Schemas of all events, for consumers that are not written in Python.

`python -m penstock_shared.contracts.schemas docs/events` writes the missing schemas. An existing
schema is never overwritten: an event that changes gets a new version, and so a new file.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from penstock_shared.contracts import events
from penstock_shared.contracts.event import Event, EventData, known_event_types
from penstock_shared.errors import PenstockError


class ChangedSchemaError(PenstockError):
    """An event has changed, but its version has not."""


def schema_of(data_class: type[EventData]) -> dict[str, Any]:
    """The JSON Schema of a whole event of that type, with its envelope."""
    envelope = Event[data_class]  # type: ignore[valid-type]  # chosen at run time
    schema = envelope.model_json_schema(by_alias=True)
    schema["title"] = data_class.type
    schema["description"] = (data_class.__doc__ or "").strip()
    schema["x-version"] = data_class.data_version
    schema["x-channel"] = f"{type(data_class.channel).__name__.lower()}:{data_class.channel}"
    return schema


def published_events() -> Iterator[type[EventData]]:
    """The events of `penstock_shared.contracts.events`, by type."""
    for _name, data_class in sorted(known_event_types().items()):
        if data_class.__module__ == events.__name__:
            yield data_class


def file_name(data_class: type[EventData]) -> str:
    """Where the schema of an event lies, for example `deploy-done.v1.json`."""
    return f"{data_class.type}.v{data_class.data_version}.json"


def text_of(data_class: type[EventData]) -> str:
    """The text of the schema's file."""
    return json.dumps(schema_of(data_class), indent=2, sort_keys=True) + "\n"


def write_schemas(folder: Path) -> list[Path]:
    """Write the schemas that do not exist yet; returns their files.

    Raises ChangedSchemaError when an existing one differs.
    """
    written = []
    for data_class in published_events():
        path = folder / file_name(data_class)
        if not path.exists():
            path.write_text(text_of(data_class))
            written.append(path)
        elif path.read_text() != text_of(data_class):
            raise ChangedSchemaError(
                f"{data_class.type} has changed since {path} was written: raise its data_version, "
                "give it an `upcast` from the version before, and run this again"
            )
    return written


def main() -> int:
    """Write schemas into the folder that the only argument names."""
    try:
        for path in write_schemas(Path(sys.argv[1])):
            print(f"wrote {path}")
    except ChangedSchemaError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
