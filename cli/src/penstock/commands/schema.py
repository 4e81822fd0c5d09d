"""`penstock schema`: the JSON Schema of penstock.yml."""

import typer

from penstock_shared.configuration.schema import schema_text


def schema() -> None:
    """Print the JSON Schema of penstock.yml, with which editors complete and check it."""
    typer.echo(schema_text(), nl=False)
