"""`penstock validate`: check a penstock.yml."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from penstock.commands.options import JsonOption
from penstock.commands.output import console, print_json
from penstock.errors import ExitCode, NotFoundError
from penstock_shared.configuration import (
    AND_MORE,
    FILE_NAME,
    InvalidConfigurationError,
    Problem,
    read_configuration,
)


def validate(
    file: Annotated[Path, typer.Argument(help="The file to check.")] = Path(FILE_NAME),
    *,
    as_json: JsonOption = False,
) -> None:
    """Check a penstock.yml, as every push has it checked; exit 1 if something is wrong."""
    problems, more = _problems_of(file)
    if as_json:
        print_json({"valid": not problems, "problems": [vars(problem) for problem in problems]})
    elif problems:
        for problem in problems:
            console().print(f"{file}:{problem.line}: {problem.field}: {problem.message}")
        if more:
            console().print(AND_MORE)
    else:
        console().print(Text.assemble(("✓", "green"), f" {file} is as it should be"))
    if problems:
        raise typer.Exit(ExitCode.FAILURE)


def _problems_of(file: Path) -> tuple[list[Problem], bool]:
    """The problems of the file, and whether there are more than those listed.

    Raises NotFoundError when the file cannot be read.
    """
    try:
        read_configuration(file.read_bytes())
    except InvalidConfigurationError as error:
        return error.problems, error.more
    except OSError as error:
        raise NotFoundError(f"{file} cannot be read: {error.strerror}") from error
    return [], False
