"""Reads poetry.lock: https://python-poetry.org/docs/basic-usage/#installing-with-poetrylock.

Only the names and extras of what a project depends on are taken from its pyproject.toml. All
versions, of these and of what they depend on, come from the lock as constraints, so that Poetry's
own notation of versions need not be known.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from penstock_runner.presets.errors import PresetError

_MAIN = "main"


def packages_of(project: Mapping[str, Any]) -> list[str]:
    """What a project depends on, in the notation of a requirements.txt."""
    listed = [str(each) for each in project.get("project", {}).get("dependencies", ())]
    poetry = project.get("tool", {}).get("poetry", {}).get("dependencies", {})
    known = {_name_in(each) for each in listed}
    return [*listed, *(each for each in _from_table(poetry) if _name_in(each) not in known)]


def constraints_of(lock: Mapping[str, Any], file: Path) -> str:
    """The lock's packages as constraints with their digests. Raises PresetError for packages that
    come from no index.
    """
    older = lock.get("metadata", {}).get("files", {})
    lines = (
        _constraint(package, package.get("files") or older.get(package["name"], []), file)
        for package in lock.get("package", [])
        if _MAIN in package.get("groups", [_MAIN])
    )
    return "".join(f"{line}\n" for line in lines)


def _from_table(table: Mapping[str, Any]) -> Iterator[str]:
    for name, entry in table.items():
        if name.lower() == "python":
            continue
        # Several constraints of one package differ by version, which the lock decides.
        first = entry[0] if isinstance(entry, list) else entry
        details = first if isinstance(first, dict) else {}
        if details.get("optional"):
            continue
        extras = ",".join(details.get("extras", ()))
        marker = details.get("markers", "") if not isinstance(entry, list) else ""
        yield f"{name}{f'[{extras}]' if extras else ''}{f' ; {marker}' if marker else ''}"


def _constraint(package: Mapping[str, Any], files: list[Mapping[str, Any]], lock: Path) -> str:
    name, kind = package["name"], package.get("source", {}).get("type", "legacy")
    if kind != "legacy":
        raise PresetError(
            f"{lock}: {name} comes from a {kind}, which is not supported: publish it to an index, "
            "put its folder into `include`, or write a requirements.txt"
        )
    digests = " ".join(f"--hash={file['hash']}" for file in files)
    marker = _marker(package.get("markers", ""))
    return f"{name}=={package['version']}{f' ; {marker}' if marker else ''} {digests}".rstrip()


def _marker(markers: Any) -> str:
    """Written once for all groups, or for each."""
    return str(markers.get(_MAIN, "") if isinstance(markers, dict) else markers)


def _name_in(requirement: str) -> str:
    name = requirement
    for end in "[ ;(<>=!~@":
        name = name.split(end)[0]
    return name.strip().lower().replace("_", "-").replace(".", "-")
