"""The YAML of a `penstock.yml`, as plain values that know their lines.

Only a part of YAML is read: text, numbers, `true`/`false`, empty values, lists, and mappings whose
keys stay text as written. Dates are text too. Reading any bytes ends within a second, with a value
or a `Mistake`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from penstock_shared.configuration.wording import quoted, shown
from penstock_shared.errors import PenstockError

LARGEST_FILE = 256 * 1024
"""Bytes."""
MOST_NODES = 50_000
"""Values in the file once aliases are expanded. Without a limit a few lines expand to billions."""
DEEPEST = 50
_LONGEST_NUMBER = 100
"""Characters. Python reads longer numbers slowly, or not at all."""
_YAML = "tag:yaml.org,2002:"
_NOT_TEXT = ("int", "float", "bool", "null")
_UNREAD = ("timestamp", "value")
"""Types that YAML recognises in plain words. The file does not use them: these words stay text."""

Path = tuple[str | int, ...]


class Mistake(PenstockError):  # noqa: N818  # the user's mistake, and shown under that name
    """The file is not valid. Lines count from 1."""

    def __init__(self, line: int, message: str, path: Path = ()) -> None:
        self.line, self.message, self.path = line, message, path
        super().__init__(message)


# libyaml's parser is ten times as fast, and PyYAML's wheels include it. Its composer recurses
# without a limit until the process dies, so nodes are composed in Python.
_PARSER: tuple[Any, ...]
if yaml.__with_libyaml__:
    from yaml.cyaml import CParser  # type: ignore[attr-defined]  # its stubs leave it out

    _PARSER = (CParser,)
else:
    _PARSER = (yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser)


class _Loader(yaml.composer.Composer, *_PARSER, yaml.resolver.Resolver):  # type: ignore[misc]  # chosen at run time
    """Composes nodes. Raises Mistake where they are nested too deeply."""

    def __init__(self, text: str) -> None:
        self._depth = 0
        yaml.composer.Composer.__init__(self)
        reader, *others = _PARSER
        reader.__init__(self, text)
        for part in (*others, yaml.resolver.Resolver):
            part.__init__(self)

    def compose_node(self, parent: Any, index: Any) -> Any:
        """The next node."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise Mistake(self.peek_event().start_mark.line + 1, "is nested too deeply")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


_Loader.yaml_implicit_resolvers = {
    first: [(tag, expression) for tag, expression in resolvers if tag[len(_YAML) :] not in _UNREAD]
    for first, resolvers in yaml.resolver.Resolver.yaml_implicit_resolvers.items()
}
_CONSTRUCTOR = yaml.constructor.SafeConstructor()
"""Makes scalars and merges. It keeps no state for these, so it is shared."""


@dataclass(frozen=True)
class Document:
    """A file whose content is a mapping."""

    root: yaml.MappingNode
    value: dict[str, Any]

    def line_of(self, path: Path) -> int:
        """The line of the value at this path, or of the longest part of the path that exists."""
        node: yaml.Node = self.root
        line = node.start_mark.line
        for part in path:
            found = _step(node, part)
            if found is None:
                break
            mark, node = found
            line = mark.line
        return int(line) + 1


def read_document(text: str | bytes) -> Document:
    """Read the file. Raises Mistake."""
    root = _compose(_decoded(text))
    if not isinstance(root, yaml.MappingNode):
        raise Mistake(1, "must be a mapping that starts with `version: 1`")
    if _weight(root, {}, ()) > MOST_NODES:
        raise Mistake(1, f"has more than {MOST_NODES} values with its aliases written out")
    _refuse_repeated_keys(root)
    return Document(root, _value_of(root, ()))


def read_loosely(text: str | bytes) -> Any:
    """The values of any YAML, such as another tool's: all of them text, and no tag of them counts.

    Raises Mistake.
    """
    root = _compose(_decoded(text))
    if root is None:
        return None
    if _weight(root, {}, ()) > MOST_NODES:
        raise Mistake(1, f"has more than {MOST_NODES} values with its aliases written out")
    return _plain(root)


def _plain(node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): _plain(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_plain(value) for value in node.value]
    return node.value


def _decoded(text: str | bytes) -> str:
    if len(text) > LARGEST_FILE:
        raise Mistake(1, f"is {len(text)} bytes long; the limit is {LARGEST_FILE}")
    if isinstance(text, str):
        return text
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise Mistake(line, f"is not UTF-8: byte {error.object[error.start]:#04x}") from error


def _compose(text: str) -> yaml.Node | None:
    _refuse_control_characters(text)
    try:
        return _Loader(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Mistake(line, f"is not YAML: {shown(error.problem or 'cannot be read')}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise Mistake(1, f"is not YAML: {shown(str(error))}") from error


_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _refuse_control_characters(text: str) -> None:
    """YAML forbids them. Checked here, the line is known whichever parser is used."""
    found = _UNPRINTABLE.search(text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        raise Mistake(line, f"holds the character U+{ord(found[0]):04X}, which YAML does not allow")


def _weight(node: yaml.Node, known: dict[int, int], above: tuple[int, ...]) -> int:
    if id(node) in above or len(above) > DEEPEST:
        raise Mistake(node.start_mark.line + 1, "is nested in itself, or too deeply")
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
    """Of two equal keys YAML keeps the last, and a component would be lost silently."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, _value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise Mistake(key.start_mark.line + 1, "is there twice", (key.value,))
            seen.add(str(key.value))
    for child in _children(node):
        _refuse_repeated_keys(child)


def _value_of(node: yaml.Node, path: Path) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, path)
    _check_collection(node, path)
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path)
    return [_value_of(item, (*path, index)) for index, item in enumerate(node.value)]


def _mapping(node: yaml.MappingNode, path: Path) -> dict[str, Any]:
    try:
        # `<<: *defaults` merges the keys of another mapping.
        _CONSTRUCTOR.flatten_mapping(node)
    except yaml.MarkedYAMLError as error:
        line = node.start_mark.line + 1
        raise Mistake(line, f"cannot be merged: {error.problem}", (*path, "<<")) from error
    pairs = ((_key(key, path), value) for key, value in node.value)
    return {key: _value_of(value, (*path, key)) for key, value in pairs}


def _check_collection(node: yaml.Node, path: Path) -> None:
    kind = "seq" if isinstance(node, yaml.SequenceNode) else "map"
    if node.tag != f"{_YAML}{kind}":
        raise _unknown_tag(node, path)


def _key(node: yaml.Node, path: Path) -> str:
    if not isinstance(node, yaml.ScalarNode):
        kind = "list" if isinstance(node, yaml.SequenceNode) else "mapping"
        raise Mistake(node.start_mark.line + 1, f"a key must be text, not a {kind}", path)
    return _checked_text(node, path)


def _scalar(node: yaml.ScalarNode, path: Path) -> Any:
    kind = node.tag.removeprefix(_YAML)
    if kind == "str":
        return _checked_text(node, path)
    if kind not in _NOT_TEXT or not node.tag.startswith(_YAML):
        raise _unknown_tag(node, path)
    if len(node.value) > _LONGEST_NUMBER:
        line = node.start_mark.line + 1
        raise Mistake(line, f"has {len(node.value)} digits; put it in quotes if it is text", path)
    try:
        return _CONSTRUCTOR.yaml_constructors[node.tag](_CONSTRUCTOR, node)
    except (yaml.YAMLError, LookupError, ValueError) as error:
        line = node.start_mark.line + 1
        raise Mistake(line, f"{quoted(node.value)} is no {kind}", path) from error


def _checked_text(node: yaml.ScalarNode, path: Path) -> str:
    text = str(node.value)
    found = next((one for one in text if one == "\0" or "\ud800" <= one <= "\udfff"), None)
    if found is not None:
        line = node.start_mark.line + 1
        raise Mistake(line, f"holds the character U+{ord(found):04X}, which no text has", path)
    return text


def _unknown_tag(node: yaml.Node, path: Path) -> Mistake:
    tag = node.tag.replace(_YAML, "!!")
    return Mistake(node.start_mark.line + 1, f"the YAML tag {quoted(tag)} means nothing here", path)


def _item(node: yaml.SequenceNode, part: str | int) -> tuple[yaml.Mark, yaml.Node] | None:
    """The item of that number, or, in a list that is read as a mapping, of that name."""
    if isinstance(part, int):
        found = node.value[part : part + 1]
    else:
        found = [item for item in node.value if item.value == part][:1]
    return (found[0].start_mark, found[0]) if found else None


def _step(node: yaml.Node, part: str | int) -> tuple[yaml.Mark, yaml.Node] | None:
    if isinstance(node, yaml.SequenceNode):
        return _item(node, part)
    if isinstance(node, yaml.MappingNode):
        # A mapping's own keys come after the merged ones, and override them.
        for key, value in reversed(node.value):
            if key.value == str(part):
                return key.start_mark, value
    return None
