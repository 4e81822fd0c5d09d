"""Writes what was found as a `penstock.yml` with comments."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from penstock_shared.discovery.components import FoundComponent
from penstock_shared.discovery.gates import FoundGate

_HEAD = """\
# What Penstock does with a push: build what changed, and pass the gates. `penstock validate` checks
# this file, docs/penstock-yml.md has all of it.
version: 1

components: # what is built, and a job's whole source: its path, and what it watches
"""
_RELEASE = """
# Without this nothing is released, and every push is a check. Give components a `deploy` first.
# environments:
#   staging: {}
#   production: {}
# release: {from: staging, to: production, bake: 2h}
# branches: {main: release, "**": check} # the first match counts; only protected branches release
"""
_BY_COMMAND = {
    "serverless": 'npx serverless deploy --stage "$PENSTOCK_STAGE"',
    "sam": 'sam deploy --stack-name "app-$PENSTOCK_STAGE"',
}


def render(components: Sequence[FoundComponent], gates: Sequence[FoundGate]) -> str:
    """The text of the file."""
    lines = [line for each in components for line in _component(each)]
    if gates:
        lines += ["", "gates: # each runs in the folder of every component that it names"]
        lines += [line for gate in gates for line in _gate(gate, len(components))]
    return f"{_HEAD}{_joined(lines)}{_RELEASE}"


def _component(component: FoundComponent) -> Iterator[str]:
    yield f"  {component.name}: # {_comment(component.because)}"
    yield f"    path: {_text(component.path)}"
    if component.watch:
        yield f"    watch: [{', '.join(map(_text, component.watch))}] # it uses them"
    if component.build:
        fields = (f"{key}: {_value(value)}" for key, value in component.build.items())
        yield f"    build: {{{', '.join(fields)}}}"
    if component.deployed_by:
        yield f"    # deploy: {{driver: command, run: {_text(_BY_COMMAND[component.deployed_by])}}}"


def _gate(gate: FoundGate, all_components: int) -> Iterator[str]:
    some = len(gate.components) < all_components
    which = f", components: [{', '.join(map(_text, gate.components))}]" if some else ""
    if not gate.components:
        which = ", scope: repository"
    yield f"  {gate.name}: {{{gate.does}{which}}} # {_comment(gate.because)}"


def _value(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    return f"[{', '.join(map(_text, value))}]"


def _text(value: str) -> str:
    """Plain where YAML reads it back as it is, and otherwise in quotes as in JSON."""
    if '"' in value and "'" not in value and value.isprintable():
        return f"'{value}'"
    plain = value.replace("-", "").replace("_", "").replace("/", "").isalnum()
    return (
        value
        if plain and value.isascii() and value[0].isalpha() and not _is_a_word(value)
        else json.dumps(value)
    )


def _is_a_word(value: str) -> bool:
    """Whether YAML has a meaning of its own for it."""
    return value.lower() in {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}


def _comment(text: str) -> str:
    return text if text.isprintable() else json.dumps(text)


def _joined(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
