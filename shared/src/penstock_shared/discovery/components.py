"""Finds components: folders that something is built or tested in."""

import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from penstock_shared.configuration.model import MOST_COMPONENTS
from penstock_shared.discovery.files import Files, is_in, joined, mapping

_PYTHON_MARKERS = ("pyproject.toml", "requirements.txt", "setup.py")
_TEMPLATES = ("template.yaml", "template.yml")
_SERVERLESS = ("serverless.yml", "serverless.yaml")
_FUNCTION = "AWS::Serverless::Function"
_NOT_NAMED = re.compile(r"[^a-z0-9_-]+")


@dataclass(frozen=True)
class FoundComponent:
    """A component: `because` is the file that says so. `build` are fields of its section.

    `languages` are `python` and `node`; `functions` says which language's Lambda functions it has.
    """

    path: str
    because: str
    languages: frozenset[str] = frozenset()
    functions: str = ""
    deployed_by: str = ""
    build: dict[str, Any] = field(default_factory=dict)
    watch: tuple[str, ...] = ()
    name: str = ""


def find_components(files: Files) -> list[FoundComponent]:
    """The components, by path. The root is one only if it has code that is in no other."""
    found: dict[str, FoundComponent] = {}
    for each in (*_serverless(files), *_sam(files), *_projects(files)):
        found.setdefault(each.path, each)
    kept = _without_nested(files, found)
    if "." in kept and len(kept) > 1 and not _is_package(files, kept["."]):
        del kept["."]
    named = _named(sorted(kept.values(), key=lambda each: each.path))
    return [replace(each, build=_build_of(files, each)) for each in named][:MOST_COMPONENTS]


def _projects(files: Files) -> Iterator[FoundComponent]:
    for folder in _folders_with(files, (*_PYTHON_MARKERS, "package.json")):
        languages = _languages(files, folder)
        if not languages or _is_workspace_only(files, folder):
            continue
        names = (*_PYTHON_MARKERS, "package.json")
        marker = next(name for name in names if files.has(folder, name))
        yield FoundComponent(folder, joined(folder, marker), languages)


def _serverless(files: Files) -> Iterator[FoundComponent]:
    """https://www.serverless.com/framework/docs/providers/aws/guide/serverless.yml."""
    for path in files.own:
        folder, name = posixpath.split(path)
        if name not in _SERVERLESS:
            continue
        content = files.yaml(path)
        runtime = str(mapping(content.get("provider")).get("runtime", ""))
        if mapping(content.get("functions")) and (language := _language_of(runtime)):
            languages = frozenset({language, *_languages(files, folder or ".")})
            yield FoundComponent(folder or ".", path, languages, language, "serverless")


def _sam(files: Files) -> Iterator[FoundComponent]:
    """https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/."""
    for path in files.own:
        if _base(path) not in _TEMPLATES:
            continue
        content = files.yaml(path)
        default = mapping(mapping(content.get("Globals")).get("Function"))
        for resource in mapping(content.get("Resources")).values():
            if mapping(resource).get("Type") == _FUNCTION:
                yield from _sam_function(files, path, default, mapping(resource))


def _sam_function(
    files: Files, template: str, default: dict[str, Any], resource: dict[str, Any]
) -> Iterator[FoundComponent]:
    properties = {**default, **mapping(resource.get("Properties"))}
    place = posixpath.join(posixpath.dirname(template), str(properties.get("CodeUri", ".")))
    code = posixpath.normpath(place)
    language = _language_of(str(properties.get("Runtime", "")))
    if language and not code.startswith(("..", "/")) and (code == "." or files.below(code)):
        languages = frozenset({language, *_languages(files, code)})
        yield FoundComponent(code, template, languages, language, "sam")


def _language_of(runtime: str) -> str:
    if runtime.startswith("python"):
        return "python"
    return "node" if runtime.startswith("nodejs") else ""


def _folders_with(files: Files, names: Iterable[str]) -> list[str]:
    wanted = set(names)
    folders = {posixpath.dirname(path) or "." for path in files.own if _base(path) in wanted}
    return sorted(folders)


def _languages(files: Files, folder: str) -> frozenset[str]:
    python = any(files.has(folder, name) for name in _PYTHON_MARKERS)
    has_code = any(path.endswith(".py") for path in files.below(folder))
    languages = {"python"} if python and has_code else set()
    return frozenset(languages | ({"node"} if files.has(folder, "package.json") else set()))


def _is_workspace_only(files: Files, folder: str) -> bool:
    """Whether the folder only holds others together."""
    project = files.toml(folder, "pyproject.toml")
    uv = "workspace" in mapping(mapping(project.get("tool")).get("uv"))
    npm = files.json(folder, "package.json").get("workspaces")
    return bool(uv or npm) and "project" not in project


def _is_package(files: Files, root: FoundComponent) -> bool:
    return "build-system" in files.toml(root.path, "pyproject.toml")


def _without_nested(files: Files, found: dict[str, FoundComponent]) -> dict[str, FoundComponent]:
    """Without those inside another one, except for the root's."""
    outer = {path for path in found if path != "." and not _is_workspace_only(files, path)}
    return {
        path: each
        for path, each in found.items()
        if not any(is_in(path, other) for other in outer if other != path)
    }


def _named(components: list[FoundComponent]) -> list[FoundComponent]:
    """With names that follow from the folders, with more of the path where two are equal."""
    ends = [_slug(_base(each.path)) for each in components]
    names = [
        end if ends.count(end) == 1 else _slug(each.path.replace("/", "-"))
        for end, each in zip(ends, components, strict=True)
    ]
    taken: dict[str, int] = {}
    unique = []
    for name in names:
        taken[name] = taken.get(name, 0) + 1
        unique.append(name if taken[name] == 1 else f"{name[:58]}-{taken[name]}")
    return [replace(each, name=name) for each, name in zip(components, unique, strict=True)]


def _slug(text: str) -> str:
    return _NOT_NAMED.sub("-", text.lower()).strip("-_")[:63].rstrip("-_") or "app"


def _base(path: str) -> str:
    return posixpath.basename(path)


def _build_of(files: Files, component: FoundComponent) -> dict[str, Any]:
    """The preset that suits what is there; empty where only gates run."""
    folder = component.path
    manifest = files.json(folder, "package.json")
    project = files.toml(folder, "pyproject.toml")
    if component.functions == "python":
        return {"preset": "python-lambda"}
    if component.functions == "node":
        plain = files.has(folder, "package-lock.json") and not files.has(folder, "tsconfig.json")
        return {"preset": "node-lambda"} if plain else {}
    if "build-system" in project and "project" in project:
        return {"preset": "python-package"}
    if "node" in component.languages and files.has(folder, "package-lock.json"):
        return _node_build(manifest)
    return {}


def _node_build(manifest: dict[str, Any]) -> dict[str, Any]:
    if mapping(manifest.get("scripts")).get("build"):
        tools = {
            **mapping(manifest.get("dependencies")),
            **mapping(manifest.get("devDependencies")),
        }
        run = "npm ci && npm run build"
        if "vite" in tools:
            return {"preset": "static-site", "run": run, "folder": "dist"}
        if manifest.get("private"):
            return {"run": run}
    if manifest.get("name") and manifest.get("version") and not manifest.get("private"):
        return {"preset": "npm-package"}
    return {}
