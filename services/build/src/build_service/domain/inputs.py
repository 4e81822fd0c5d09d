"""The inputs of a component: all of the source that its jobs can read, and so all that its keys
hold.
"""

import glob
import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import translate
from functools import cached_property

from build_service.domain.source import SourceTree
from penstock_shared.configuration.model import ComponentSection, Configuration
from penstock_shared.contracts.plan import PlannedComponent, PlannedGate
from penstock_shared.globs import is_glob
from penstock_shared.identifiers import digest_of

CONFIGURATION_FILES = (
    # git
    ".gitattributes", ".gitignore", ".gitmodules", ".editorconfig",
    # Python: packages, then tools
    "pyproject.toml", "setup.cfg", "setup.py", "requirements*.txt", "constraints*.txt", "uv.lock",
    "uv.toml", "poetry.lock", "poetry.toml", "pdm.lock", "Pipfile", "Pipfile.lock", "pip.conf",
    "conftest.py", "pytest.ini", ".pytest.ini", "tox.ini", "noxfile.py", "mypy.ini", ".mypy.ini",
    "pyrightconfig.json", "ruff.toml", ".ruff.toml", ".flake8", ".pylintrc", "pylintrc",
    ".coveragerc", ".isort.cfg", ".bandit", ".importlinter", ".pre-commit-config.yaml",
    # JavaScript
    "package.json", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", ".yarnrc*",
    "pnpm-lock.yaml", "pnpm-workspace.yaml", "bun.lock*", ".npmrc", "tsconfig*.json",
    "jsconfig.json", "eslint.config.*", ".eslintrc*", ".eslintignore", "prettier.config.*",
    ".prettierrc*", ".prettierignore", "babel.config.*", ".babelrc*", "jest.config.*",
    "vite.config.*", "vitest.config.*",
    # other languages
    "go.mod", "go.sum", "go.work", "go.work.sum", ".golangci.y*ml", "Cargo.toml", "Cargo.lock",
    "rust-toolchain*", "rustfmt.toml", "clippy.toml", "Gemfile", "Gemfile.lock",
    # versions of tools, and what runs them
    ".python-version", ".nvmrc", ".node-version", ".ruby-version", ".tool-versions",
    "GNUmakefile", "Makefile", "makefile", "justfile", "Justfile",
)  # fmt: skip
"""Files that tools read without being told to, in their folder or in those above it."""
WHOLE: tuple[str, ...] = ()
"""The inputs of whoever sees the whole tree."""

_ROOT = "."
_SHOWN = 16
"""Digits of a digest that only tells people what has changed; keys hold all of them."""
_IS_CONFIGURATION = re.compile("|".join(map(translate, CONFIGURATION_FILES))).match


def patterns_of(component: PlannedComponent) -> tuple[str, ...]:
    """The patterns of a planned component's inputs, with the root for the whole tree."""
    return component.inputs or (_ROOT,)


def patterns_of_all() -> tuple[str, ...]:
    """The patterns of whoever sees the whole tree."""
    return (_ROOT,)


@dataclass(frozen=True)
class Inputs:
    """The inputs of the components of one tree."""

    tree: SourceTree
    configuration: Configuration

    def of(self, section: ComponentSection) -> tuple[str, ...]:
        """The patterns of all that the component's jobs can read; WHOLE if that is everything.

        Its path, what it watches, includes and is prepared from, what the file's own `watch`
        names, and the files of CONFIGURATION_FILES in the folders above its path, of those that
        exist.
        """
        if section.path == _ROOT:
            return WHOLE
        include = section.build.include if section.build else ()
        folders = map(_folder, (section.path, *include))
        above = [file for folder in _above(section.path) for file in self._files_in(folder)]
        watched = (*section.watch, *self.configuration.watch)
        unique = dict.fromkeys((*folders, *watched, *map(glob.escape, above)))
        prepare = section.prepare or self.configuration.prepare
        unique |= dict.fromkeys(prepare.inputs if prepare else ())
        return WHOLE if _ROOT in unique else tuple(unique)

    def digest(self, patterns: tuple[str, ...]) -> str:
        """The hash over all that the patterns name: names, modes and contents."""
        if patterns == WHOLE:
            return self.tree.tree_id
        # Neither a name in git nor a pattern has a NUL in it.
        return digest_of("\0".join(f"{each}={self.tree.digest(each)}" for each in patterns))

    def each_digest(
        self, components: Iterable[PlannedComponent], gates: Iterable[PlannedGate] = ()
    ) -> dict[str, str]:
        """The beginning of the digest of each input of these components, and of each that one of
        the gates has of its own, by its pattern.
        """
        patterns = {each for component in components for each in patterns_of(component)}
        for gate in gates:
            if gate.inputs is not None or gate.component is None:
                patterns.update(gate.inputs or patterns_of_all())
        return {each: self.tree.digest(each)[:_SHOWN] for each in sorted(patterns)}

    def _files_in(self, folder: str) -> list[str]:
        return self._configuration_files.get(folder, [])

    @cached_property
    def _configuration_files(self) -> dict[str, list[str]]:
        """The files of CONFIGURATION_FILES that exist, by their folder."""
        found: dict[str, list[str]] = {}
        for path in sorted(self.tree.files):
            folder, name = posixpath.split(path)
            # A plan is JSON in UTF-8, which not every name in git is.
            if _IS_CONFIGURATION(name) and path.isprintable():
                found.setdefault(folder or _ROOT, []).append(path)
        return found


def _folder(path: str) -> str:
    """The pattern that names a folder, whatever its name."""
    return f"{glob.escape(path)}/**" if is_glob(path) else path


def _above(path: str) -> Iterator[str]:
    """The folders above a path, up to the root."""
    while path:
        path = posixpath.dirname(path)
        yield path or _ROOT
