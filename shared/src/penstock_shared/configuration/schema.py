"""The JSON Schema of `penstock.yml`, for editors.

`python -m penstock_shared.configuration.schema FILE` writes it. It knows fields, types and limits.
The rules across fields, such as names that must exist, are `penstock validate`'s.
"""

import json
import sys
from pathlib import Path
from typing import Any

from penstock_shared.configuration.model import Configuration

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_MAY_BE_EMPTY = ("components", "environments")
"""Sections whose entries may have no value, such as `staging:`."""


def configuration_schema() -> dict[str, Any]:
    """The schema."""
    schema = Configuration.model_json_schema(by_alias=True)
    for name in _MAY_BE_EMPTY:
        patterns = schema["properties"][name]["patternProperties"]
        for pattern, entry in patterns.items():
            patterns[pattern] = {"anyOf": [entry, {"type": "null"}]}
    return {"$schema": _DIALECT, **schema, "title": "penstock.yml"}


def schema_text() -> str:
    """The schema as its file has it."""
    return json.dumps(configuration_schema(), indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(schema_text(), encoding="utf-8")
