"""The types of values in a `penstock.yml`."""

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from penstock_shared.configuration.wording import quoted
from penstock_shared.contracts.plan import HOME
from penstock_shared.contracts.secrets import SecretName, Secrets, VariableName
from penstock_shared.globs import is_glob

LONGEST_COMMAND = 16 * 1024
_LONGEST_VALUE = 4 * 1024
LONGEST_PATH = 1_000
"""Characters. Longer text belongs in a file of the repository."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST_JOB = 12 * 3600


def mistake(message: str) -> PydanticCustomError:
    """What a validator raises for a value that it refuses."""
    return PydanticCustomError("mistake", "{message}", {"message": message})


def duration(value: Any) -> int:
    """The duration in seconds. A plain number is in seconds already."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = re.fullmatch(r"([0-9]{1,9}) ?([smhd]?)", value.strip()) if _is_text(value) else None
    if not match:
        raise mistake(f"{written(value)} is not a duration; write 30s, 15m, 2h or 1d")
    return int(match[1]) * _UNITS[match[2] or "s"]


WrittenDuration = (
    Annotated[int, Field(ge=0)] | Annotated[str, Field(pattern=r"^\s*[0-9]{1,9} ?[smhd]?\s*$")]
)
"""A duration as the file has it."""


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def written(value: Any) -> str:
    """A value about as the file writes it, for messages."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a section"
    return quoted(str(value).lower() if isinstance(value, bool) else value)


def _inside(path: Any) -> str:
    if not isinstance(path, str):
        raise mistake(f"{written(path)} is not a path; a path is text")
    parts = path.split("/")
    if path.startswith("/") or ".." in parts or "\\" in path or not path.strip():
        raise mistake(f"{quoted(path)} must be a relative path inside the repository")
    return "/".join(part for part in parts if part not in ("", ".")) or "."


def _file(path: Any) -> str:
    """One file that a job leaves behind. Empty text means no file."""
    if path == "":
        return ""
    inside = _inside(path)
    if is_glob(inside):
        raise mistake(f"{quoted(inside)} must name one file; patterns are not filled in here")
    if inside == "." or path.endswith("/"):
        raise mistake(f"{quoted(path)} is a folder; name the one file that the job leaves")
    if any(part.startswith(".penstock") for part in inside.split("/")):
        raise mistake(f"{quoted(inside)}: names that begin with .penstock are Penstock's own")
    return inside


def _folder(path: Any) -> str:
    """One folder that is kept for later jobs."""
    home = isinstance(path, str) and path.startswith(HOME)
    inside = _file(path.removeprefix(HOME) if home else path)
    if not inside:
        raise mistake("must name a folder")
    if inside.split("/")[0] in (".git", ".python"):
        raise mistake(f"{quoted(inside)} is the job's own, and is not kept")
    return f"{HOME}{inside}" if home else inside


def _by_variable(value: Any) -> Any:
    """A list of secrets names the variables like the secrets."""
    if not isinstance(value, list):
        return value
    if not all(isinstance(name, str) for name in value):
        raise mistake("must be a list of names, or a section such as {VARIABLE: NAME}")
    return {name: name for name in value}


DURATION = BeforeValidator(duration, json_schema_input_type=WrittenDuration)
Duration = Annotated[int, DURATION, Field(ge=0)]
KeptPath = Annotated[str, BeforeValidator(_folder), Field(max_length=LONGEST_PATH)]
JobTimeout = Annotated[int, DURATION, Field(ge=1, le=_LONGEST_JOB)]
RelativePath = Annotated[str, BeforeValidator(_inside), Field(max_length=LONGEST_PATH)]
OutputPath = Annotated[str, BeforeValidator(_file), Field(max_length=LONGEST_PATH)]
Command = Annotated[str, Field(max_length=LONGEST_COMMAND)]
Variables = Annotated[
    dict[VariableName, Annotated[str, Field(max_length=_LONGEST_VALUE)]], Field(max_length=100)
]

SecretVariables = Annotated[
    Secrets, BeforeValidator(_by_variable, json_schema_input_type=list[SecretName] | Secrets)
]


class Section(BaseModel):
    """A part of the file. Unknown keys are mistakes."""

    model_config = ConfigDict(frozen=True, extra="forbid")
