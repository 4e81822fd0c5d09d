"""Finds the checks that a repository is set up for, by the tools that it configures."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from penstock_shared.discovery.components import FoundComponent
from penstock_shared.discovery.files import Files, is_in, joined, mapping

_UNLOCKED = "npm install --no-audit --no-fund && npm test"
_NO_TESTS = "no test specified"
"""What `npm init` writes as the script."""
_ESLINT = (
    "eslint.config.js", "eslint.config.mjs", "eslint.config.cjs", "eslint.config.ts", ".eslintrc",
    ".eslintrc.js", ".eslintrc.cjs", ".eslintrc.json", ".eslintrc.yml",
)  # fmt: skip
_COPIES = {"examples", "node_modules", "site-packages", "vendor", "venv"}
_IsFor = Callable[[Files, str], str]
"""Says of a component's folder which file sets a tool up; empty for none."""


@dataclass(frozen=True)
class FoundGate:
    """A gate by its preset or command, the components that it is for, and the first file that says
    so. Without components it runs once, at the root.
    """

    name: str
    does: str
    components: tuple[str, ...]
    because: str


def find_gates(files: Files, components: Sequence[FoundComponent]) -> list[FoundGate]:
    """The gates, those that end sooner first."""
    return list(_gates(files, components))


def _gates(files: Files, components: Sequence[FoundComponent]) -> Iterator[FoundGate]:
    for preset, (language, is_for) in _TOOLS.items():
        set_up = {
            each.name: because
            for each in components
            if language in each.languages and (because := is_for(files, each.path))
        }
        if set_up:
            does = f"preset: {preset}"
            yield FoundGate(preset, does, tuple(set_up), next(iter(set_up.values())))
    if unlocked := {each.name: each.path for each in components if _unlocked(files, each.path)}:
        because = joined(next(iter(unlocked.values())), "package.json")
        yield FoundGate("npm-test-unlocked", f"run: {_UNLOCKED}", tuple(unlocked), because)
    folders = [each.path for each in components]
    if outside := next((path for path in _python_tests_in(files, ".", folders)), ""):
        yield FoundGate("tests", "preset: pytest", (), outside)


def _with_above(folder: str) -> Iterator[str]:
    """The folder, and those above it up to the root."""
    while folder not in ("", "."):
        yield folder
        folder = folder.rpartition("/")[0]
    yield "."


def _tool_table(name: str, *names: str) -> _IsFor:
    """A table of that name in pyproject.toml, or one of these files, in the folder or above it."""

    def look(files: Files, folder: str) -> str:
        for place in _with_above(folder):
            if own := next((each for each in names if files.has(place, each)), ""):
                return joined(place, own)
            if name in mapping(files.toml(place, "pyproject.toml").get("tool")):
                return joined(place, "pyproject.toml")
        return ""

    return look


def _python_tests(files: Files, folder: str) -> str:
    return next(_python_tests_in(files, folder, ()), "")


def _python_tests_in(files: Files, folder: str, but_in: Sequence[str]) -> Iterator[str]:
    """The files that pytest takes for tests, except for those in some folders."""
    for path in files.below(folder):
        *folders, name = path.split("/")
        in_tests = not {"test", "tests"}.isdisjoint(folders)
        is_test = name.startswith("test_") or (name.endswith("_test.py") and in_tests)
        hidden = any(part.startswith(".") or part in _COPIES for part in folders)
        outside = not any(is_in(path, other) for other in but_in)
        if is_test and name.endswith(".py") and outside and not hidden:
            yield path


def _npm_test(files: Files, folder: str) -> str:
    found = _has_test_script(files, folder) and _has_lock(files, folder)
    return joined(folder, "package.json") if found else ""


def _unlocked(files: Files, folder: str) -> bool:
    """Whether there are tests, and no lock that the preset could install from."""
    return _has_test_script(files, folder) and not _has_lock(files, folder)


def _has_test_script(files: Files, folder: str) -> bool:
    script: Any = mapping(files.json(folder, "package.json").get("scripts")).get("test", "")
    return isinstance(script, str) and bool(script) and _NO_TESTS not in script


def _has_lock(files: Files, folder: str) -> bool:
    return any(files.has(place, "package-lock.json") for place in _with_above(folder))


def _eslint(files: Files, folder: str) -> str:
    for place in _with_above(folder):
        if found := next((each for each in _ESLINT if files.has(place, each)), ""):
            return joined(place, found) if _has_lock(files, folder) else ""
    return ""


def _tsc(files: Files, folder: str) -> str:
    found = files.has(folder, "tsconfig.json") and _has_lock(files, folder)
    return joined(folder, "tsconfig.json") if found else ""


_TOOLS: dict[str, tuple[str, _IsFor]] = {
    "ruff": ("python", _tool_table("ruff", "ruff.toml", ".ruff.toml")),
    "black": ("python", _tool_table("black")),
    "flake8": ("python", _tool_table("flake8", ".flake8")),
    "eslint": ("node", _eslint),
    "mypy": ("python", _tool_table("mypy", "mypy.ini", ".mypy.ini")),
    "pyright": ("python", _tool_table("pyright", "pyrightconfig.json")),
    "tsc": ("node", _tsc),
    "bandit": ("python", _tool_table("bandit", ".bandit")),
    "pytest": ("python", _python_tests),
    "npm-test": ("node", _npm_test),
}
"""Each gate preset with the language of its components and what sets it up."""
