"""The JSON Schema of `penstock.yml` is published, and says what is read."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from penstock_shared.configuration import InvalidConfigurationError, read_configuration
from penstock_shared.configuration.schema import configuration_schema, schema_text

DOCS = Path(__file__).parents[2] / "docs"
SHOP = DOCS.parent / "examples" / "shop" / "penstock.yml"
SMALL = "version: 1\ncomponents: {a: {}}\n"


def complaints(text: str) -> list[Any]:
    validator = jsonschema.Draft202012Validator(configuration_schema())
    return list(validator.iter_errors(yaml.safe_load(text)))


def is_read(text: str) -> bool:
    try:
        read_configuration(text)
    except InvalidConfigurationError:
        return False
    return True


def test_it_is_published_as_it_is() -> None:
    published = DOCS / "penstock.schema.json"

    assert published.read_text() == schema_text(), "run: make schemas"


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(configuration_schema())


@pytest.mark.parametrize(
    "text",
    [
        SHOP.read_text(),
        SMALL,
        SMALL + "environments: {staging: , production: {mode: queue}}\n",
        SMALL + "gates: {unit: {run: x, timeout: 15m}, lint: {run: x, timeout: 9, secrets: [A]}}\n",
        SMALL + "gates: {unit: {preset: pytest, secrets: {A: B}, env: {C: d}}}\n",
        "version: 1\ncomponents:\n  a: {build: {preset: static-site, folder: dist, run: make}}\n",
        (DOCS / "penstock-yml.md").read_text().split("```yaml\n")[1].split("```")[0],
    ],
)
def test_what_is_read_suits_it(text: str) -> None:
    assert is_read(text)
    assert complaints(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "components: {a: {}}\n",
        "version: 2\ncomponents: {a: {}}\n",
        "version: 1\ncomponents: {}\n",
        SMALL + "colour: blue\n",
        SMALL + "gates: {unit: {run: x, timeout: soon}}\n",
        SMALL + "gates: {unit: {run: x, retries: 9}}\n",
        SMALL + "branches: {main: preview}\n",
        "version: 1\ncomponents: {a: {build: {preset: make}}}\n",
        "version: 1\ncomponents: {a: {deploy: {driver: lambda}}}\n",
    ],
)
def test_what_it_refuses_is_not_read_either(text: str) -> None:
    assert complaints(text)
    assert not is_read(text)
