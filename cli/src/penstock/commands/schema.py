"""`penstock schema`: the JSON Schema of penstock.yml."""

from penstock.commands.output import print_document
from penstock_shared.configuration.schema import schema_text


def schema() -> None:
    """Print the JSON Schema of penstock.yml, with which editors complete and check it."""
    print_document(schema_text())
