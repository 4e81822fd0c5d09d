"""Finds the folders that components share: what they import or depend on by path, outside of
themselves.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice

from penstock_shared.discovery.components import FoundComponent
from penstock_shared.discovery.files import Files, is_in, mapping

_MOST_SOURCES = 500
"""Files of a component whose imports are read."""
_PYTHON_IMPORT = re.compile(r"^[ \t]*(?:from|import)[ \t]+([A-Za-z_]\w*)", re.MULTILINE)
_NODE_IMPORT = re.compile(r"(?:from|import|require\()\s*['\"](\.{1,2}/[^'\"\n]{1,300})['\"]")
_NODE_SOURCES = (".js", ".mjs", ".cjs", ".ts", ".tsx", ".jsx")
_PATH_REQUIREMENT = re.compile(r"^(?:-e\s+)?(\.{1,2}/[^\s;#]+)", re.MULTILINE)
_MOST_WATCHED = 50


def with_shared_folders(files: Files, components: Sequence[FoundComponent]) -> list[FoundComponent]:
    """The components, with what each shares in `watch`, and in `include` of its preset."""
    modules = _modules(files)
    packages = _node_packages(files)
    return [_with_shared(files, each, modules, packages) for each in components]


def _with_shared(
    files: Files,
    component: FoundComponent,
    modules: Mapping[str, list[str]],
    packages: Mapping[str, str],
) -> FoundComponent:
    if component.path == ".":
        return component
    imported = list(dict.fromkeys(_imported(files, component, modules)))
    paths = [*_by_path(files, component), *_node_imports(files, component)]
    paths += _from_workspace(files, component, packages)
    libraries = [folder.removesuffix("/src") for folder in imported]
    shared = dict.fromkeys([*libraries, *paths])
    outside = [each for each in shared if each != "." and not _overlap(each, component.path)]
    build = dict(component.build)
    if imported and build.get("preset") == "python-lambda":
        build["include"] = imported
    return replace(component, watch=tuple(islice(outside, _MOST_WATCHED)), build=build)


def _overlap(one: str, other: str) -> bool:
    return one == other or is_in(one, other) or is_in(other, one)


def _modules(files: Files) -> dict[str, list[str]]:
    """The folders in which each top-level module of Python lies."""
    found: dict[str, list[str]] = {}
    packages = {posixpath.dirname(path) for path in files.own if path.endswith("/__init__.py")}
    for folder in packages:
        parent = posixpath.dirname(folder)
        if parent and parent not in packages:
            found.setdefault(posixpath.basename(folder), []).append(parent)
    for path in files.own:
        parent, name = posixpath.split(path)
        if name.endswith(".py") and parent and parent not in packages and _is_shared(parent):
            found.setdefault(name.removesuffix(".py"), []).append(parent)
    return {name: sorted(parents) for name, parents in found.items()}


_SHARED = {"common", "lib", "libs", "layers", "packages", "shared"}


def _is_shared(folder: str) -> bool:
    return bool(_SHARED.intersection(folder.split("/")))


def _imported(
    files: Files, component: FoundComponent, modules: Mapping[str, list[str]]
) -> Iterator[str]:
    """The folders of modules that it imports and does not have, where there is only one such."""
    for path in islice(_sources(files, component.path, (".py",)), _MOST_SOURCES):
        for name in _PYTHON_IMPORT.findall(files.text(path)):
            places = modules.get(name, [])
            if not any(_overlap(place, component.path) for place in places) and len(places) == 1:
                yield places[0]


def _sources(files: Files, folder: str, endings: tuple[str, ...]) -> Iterator[str]:
    return (path for path in files.own if is_in(path, folder) and path.endswith(endings))


def _node_imports(files: Files, component: FoundComponent) -> Iterator[str]:
    for path in islice(_sources(files, component.path, _NODE_SOURCES), _MOST_SOURCES):
        for place in _NODE_IMPORT.findall(files.text(path)):
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), place))
            if not target.startswith("..") and not is_in(target, component.path):
                yield _library_of(files, target)


def _library_of(files: Files, target: str) -> str:
    """The folder with a package.json around a file, or the one that the file lies in."""
    folder = target if target in files.by_folder else posixpath.dirname(target)
    around = folder
    while around:
        if files.has(around, "package.json"):
            return around
        around = posixpath.dirname(around)
    return folder or "."


def _by_path(files: Files, component: FoundComponent) -> Iterator[str]:
    """What its manifests depend on by path."""
    inside = partial(posixpath.join, component.path)
    places = _PATH_REQUIREMENT.findall(files.text(component.path, "requirements.txt"))
    manifest = files.json(component.path, "package.json")
    for value in mapping(manifest.get("dependencies")).values():
        if isinstance(value, str) and value.startswith("file:"):
            places.append(value.removeprefix("file:"))
    tools = mapping(files.toml(component.path, "pyproject.toml").get("tool"))
    for source in mapping(mapping(tools.get("uv")).get("sources")).values():
        places.append(str(mapping(source).get("path", "")))
    for dependency in mapping(mapping(tools.get("poetry")).get("dependencies")).values():
        places.append(str(mapping(dependency).get("path", "")))
    for place in filter(None, places):
        target = posixpath.normpath(inside(place))
        if target in files.by_folder:
            yield target


def _from_workspace(
    files: Files, component: FoundComponent, packages: Mapping[str, str]
) -> Iterator[str]:
    """The members of a workspace that it depends on by name."""
    manifest = files.json(component.path, "package.json")
    for field in ("dependencies", "devDependencies"):
        yield from (packages[name] for name in mapping(manifest.get(field)) if name in packages)


def _node_packages(files: Files) -> dict[str, str]:
    """The folder of each package of the repository, by its name."""
    found = {}
    for path in files.own:
        folder = posixpath.dirname(path)
        if posixpath.basename(path) == "package.json" and folder:
            name = files.json(path).get("name")
            if isinstance(name, str):
                found[name] = folder
    return found
