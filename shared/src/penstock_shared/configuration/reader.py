"""Reads `penstock.yml` and says of every mistake its line, its field, and what was expected."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from penstock_shared.configuration.model import Configuration
from penstock_shared.configuration.rules import Path, broken_rules, did_you_mean
from penstock_shared.errors import PenstockError

FILE_NAME = "penstock.yml"
LARGEST_FILE = 256 * 1024
"""Bytes."""
MOST_NODES = 50_000
"""Values in the file with every alias written out: stops a few lines from becoming billions."""


_NOT_IN_THE_FILE = ("[key]", "lambda", "command")
"""Parts of a pydantic location that name its own steps: a mapping's key, a union's member."""


@dataclass(frozen=True)
class Problem:
    """One mistake. Lines count from 1; the field is written `components.shop.path`."""

    line: int
    field: str
    message: str

    def __str__(self) -> str:
        return f"{FILE_NAME}:{self.line}: {self.field}: {self.message}"


class InvalidConfigurationError(PenstockError):
    """The file has mistakes: all that were found, in the order of their lines."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(problems, key=lambda problem: problem.line)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def read_configuration(text: str | bytes) -> Configuration:
    """Read the text of a `penstock.yml`.

    Raises InvalidConfigurationError with every mistake that one reading can find.
    """
    node = _compose(text)
    value = yaml.SafeLoader("").construct_document(node)
    try:
        configuration = Configuration.model_validate(value)
    except ValidationError as error:
        raise InvalidConfigurationError(
            [_problem(node, problem) for problem in error.errors()]
        ) from error
    problems = [
        Problem(_line_of(node, path), _dotted(path), message)
        for path, message in broken_rules(configuration)
    ]
    if problems:
        raise InvalidConfigurationError(problems)
    return configuration


def _compose(text: str | bytes) -> yaml.Node:
    if len(text) > LARGEST_FILE:
        raise _mistake(1, "file", f"is {len(text)} bytes long; the limit is {LARGEST_FILE}")
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise _mistake(line, "file", f"is not YAML: {error.problem}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _mistake(1, "file", f"is not YAML: {error}") from error
    if not isinstance(node, yaml.MappingNode):
        raise _mistake(1, "file", "must be a mapping that starts with `version: 1`")
    if _weight(node, {}, ()) > MOST_NODES:
        raise _mistake(1, "file", f"has more than {MOST_NODES} values with its aliases written out")
    _refuse_repeated_keys(node)
    return node


def _mistake(line: int, field: str, message: str) -> InvalidConfigurationError:
    return InvalidConfigurationError([Problem(line, field, message)])


def _weight(node: yaml.Node, known: dict[int, int], above: tuple[int, ...]) -> int:
    if id(node) in above or len(above) > 100:
        raise _mistake(node.start_mark.line + 1, "file", "is nested in itself, or too deeply")
    if id(node) not in known:
        below = (*above, id(node))
        known[id(node)] = 1 + sum(_weight(child, known, below) for child in _children(node))
    return known[id(node)]


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        yield from node.value
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield value


def _refuse_repeated_keys(node: yaml.Node) -> None:
    """YAML lets the last of two equal keys win; a component lost like that would be missed."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, _value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise _mistake(key.start_mark.line + 1, key.value, "is there twice")
            seen.add(str(key.value))
    for child in _children(node):
        _refuse_repeated_keys(child)


def _problem(root: yaml.Node, problem: Any) -> Problem:
    path = tuple(
        part
        for part in problem["loc"]
        if part not in ("[key]", "lambda", "command", "function-after")
    )
    message = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        known = _fields_at(path[:-1])
        message = f"is not a known key here{did_you_mean(str(path[-1]), known)}"
    elif problem["type"] == "missing":
        message = "is missing"
    return Problem(_line_of(root, path), _dotted(path), message)


def _fields_at(path: Path) -> list[str]:
    """The keys that the section at this path may have."""
    section: Any = Configuration
    for part in path:
        field = _field(section, str(part))
        section = _section_in(field.annotation) if field else section
    return [field.alias or name for name, field in section.model_fields.items()]


def _field(section: Any, name: str) -> Any:
    return next(
        (field for key, field in section.model_fields.items() if name in (key, field.alias)), None
    )


def _section_in(annotation: Any) -> Any:
    """The section that an annotation speaks of, be it optional or the value of a mapping."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in reversed(getattr(annotation, "__args__", ())):
        section = _section_in(part)
        if section:
            return section
    return None


def _line_of(root: yaml.Node, path: Path) -> int:
    """The line of the value at this path, or of the last part of the path that is there."""
    node, line = root, root.start_mark.line
    for part in path:
        found = _step(node, part)
        if found is None:
            break
        mark, node = found
        line = mark.line
    return int(line) + 1


def _step(node: yaml.Node, part: str | int) -> tuple[yaml.Mark, yaml.Node] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark, node.value[part]
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key.start_mark, value
    return None


def _dotted(path: Path) -> str:
    return ".".join(str(part) for part in path) or "file"
