"""Reads `penstock.yml`, and reports each mistake with line, field and expectation."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from pydantic import BaseModel, ValidationError

from penstock_shared.configuration.document import Document, Mistake, Path, read_document
from penstock_shared.configuration.drivers import SECTIONS
from penstock_shared.configuration.model import Configuration
from penstock_shared.configuration.rules import Broken, broken_rules
from penstock_shared.configuration.wording import did_you_mean, expectation, shown
from penstock_shared.errors import PenstockError

FILE_NAME = "penstock.yml"
MOST_PROBLEMS = 20
"""The most mistakes reported at once. Nobody reads more, and finding hints takes time."""
_RENAMED = {"environment": "env"}
"""Keys with another name than they had, or than other tools' files have."""
AND_MORE = "and more: these are the first"


@dataclass(frozen=True)
class Problem:
    """One mistake. Lines count from 1; a field is for example `components.shop.path`."""

    line: int
    field: str
    message: str

    def __str__(self) -> str:
        return f"{FILE_NAME}:{self.line}: {self.field}: {self.message}"


class InvalidConfigurationError(PenstockError):
    """The file has mistakes. `problems` are the first ones, ordered by line.

    `more` says whether there are others.
    """

    def __init__(self, problems: Sequence[Problem], *, more: bool = False) -> None:
        self.problems = sorted(problems, key=lambda problem: problem.line)
        self.more = more
        lines = [str(problem) for problem in self.problems]
        super().__init__("\n".join([*lines, AND_MORE] if more else lines))


def read_configuration(text: str | bytes) -> Configuration:
    """Read the text of a `penstock.yml`.

    Raises InvalidConfigurationError, and nothing else, with the mistakes of the first phase of
    reading that finds any. Any text is read within a second.
    """
    try:
        document = read_document(text)
    except Mistake as mistake:
        problem = Problem(mistake.line, _dotted(mistake.path), mistake.message)
        raise InvalidConfigurationError([problem]) from mistake
    try:
        configuration = Configuration.model_validate(document.value)
    except ValidationError as error:
        found = error.errors(include_url=False)
        problems = [_problem(document, problem) for problem in found[:MOST_PROBLEMS]]
        more = len(found) > MOST_PROBLEMS
        raise InvalidConfigurationError(problems, more=more) from error
    _refuse(document, broken_rules(configuration))
    return configuration


def problem_at(text: str | bytes, path: Path, message: str) -> InvalidConfigurationError:
    """The mistake at a place of a valid `penstock.yml` that only its surroundings make one."""
    line = read_document(text).line_of(path)
    return InvalidConfigurationError([Problem(line, _dotted(path), message)])


def refuse_places(text: str | bytes, broken: Broken) -> None:
    """Raises InvalidConfigurationError for the places of a valid `penstock.yml` that are broken."""
    first = next(broken, None)
    if first:
        _refuse(read_document(text), chain([first], broken))


def _refuse(document: Document, broken: Broken) -> None:
    problems = [
        Problem(document.line_of(path), _dotted(path), message)
        for path, message in islice(broken, MOST_PROBLEMS)
    ]
    if problems:
        raise InvalidConfigurationError(problems, more=any(True for _ in broken))


def _problem(document: Document, problem: Mapping[str, Any]) -> Problem:
    location = problem["loc"]
    path = tuple(_steps_of_the_file(location))
    if problem["type"] == "extra_forbidden":
        message = f"is not a known key here{_hint(str(path[-1]), _fields_at(location))}"
    else:
        message = expectation(problem)
    return Problem(document.line_of(path), _dotted(path), message)


def _hint(key: str, known: Sequence[str]) -> str:
    renamed = _RENAMED.get(key)
    if renamed in known:
        return f"; variables are written `{renamed}`"
    return did_you_mean(key, known)


def _steps_of_the_file(location: Path) -> Iterator[str | int]:
    """The location without the steps that pydantic adds for a mapping's key or a union's member."""
    for index, part in enumerate(location):
        is_key = part == "[key]" and index == len(location) - 1
        is_member = index == 3 and location[0] == "components" and location[2] == "deploy"
        if not (is_key or (is_member and part in SECTIONS)):
            yield part


def _fields_at(location: Path) -> list[str]:
    """The keys that the section around this location may have."""
    section: Any = Configuration
    for part in location[:-1]:
        field = _field(section, str(part))
        section = _section_in(field.annotation, location) if field else section
    return [field.alias or name for name, field in section.model_fields.items()]


def _field(section: Any, name: str) -> Any:
    return next(
        (field for key, field in section.model_fields.items() if name in (key, field.alias)), None
    )


def _section_in(annotation: Any, location: Path) -> Any:
    """The section in an annotation, which may be optional or a mapping's value."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    members = [_section_in(part, location) for part in getattr(annotation, "__args__", ())]
    sections = [member for member in members if member]
    chosen = [SECTIONS[str(part)] for part in location[3:4] if part in SECTIONS]
    return next((one for one in chosen if one in sections), sections[0] if sections else None)


def _dotted(path: Path) -> str:
    return ".".join(shown(str(part)) for part in path) or "file"
