"""What a model of single fields cannot see: names that must exist, and circles."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter

from penstock_shared.configuration.model import Configuration
from penstock_shared.contracts.change import Intent
from penstock_shared.contracts.plan import LambdaDeploy

Path = tuple[str | int, ...]


def broken_rules(configuration: Configuration) -> Iterator[tuple[Path, str]]:
    """Where and why the sections of a file contradict each other."""
    yield from _unknown_dependencies(configuration)
    yield from _circles(configuration)
    yield from _shared_functions(configuration)
    yield from _undeployable(configuration)
    yield from _intents(configuration)
    yield from _unknown_environments(configuration)


def did_you_mean(word: str, known: Mapping[str, object] | list[str]) -> str:
    """A hint for a misspelt name, or nothing."""
    close = get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _unknown_dependencies(configuration: Configuration) -> Iterator[tuple[Path, str]]:
    for name, component in configuration.components.items():
        for index, dependency in enumerate(component.depends_on):
            if dependency not in configuration.components:
                hint = did_you_mean(dependency, configuration.components)
                yield (
                    ("components", name, "depends_on", index),
                    f"no component is named {dependency!r}{hint}",
                )


def _circles(configuration: Configuration) -> Iterator[tuple[Path, str]]:
    graph = {name: section.depends_on for name, section in configuration.components.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = list(reversed(error.args[1]))
        yield ("components", circle[0], "depends_on"), f"goes in a circle: {' -> '.join(circle)}"


def _shared_functions(configuration: Configuration) -> Iterator[tuple[Path, str]]:
    owners: dict[str, str] = {}
    for name, component in configuration.components.items():
        if not isinstance(component.deploy, LambdaDeploy):
            continue
        owner = owners.setdefault(component.deploy.function, name)
        if owner != name:
            yield (
                ("components", name, "deploy", "function"),
                f"component {owner!r} already deploys a function of this name",
            )


def _undeployable(configuration: Configuration) -> Iterator[tuple[Path, str]]:
    for name, component in configuration.components.items():
        build = component.build
        if isinstance(component.deploy, LambdaDeploy) and not (
            build and (build.preset or build.artifact)
        ):
            yield (
                ("components", name, "deploy"),
                "the lambda driver needs an artifact: give `build` a `preset` or an `artifact`",
            )


def _intents(configuration: Configuration) -> Iterator[tuple[Path, str]]:
    for pattern, intent in configuration.branches.items():
        if intent is Intent.PREVIEW:
            yield ("branches", pattern), "`preview` is not available yet; use `check` or `release`"
        if intent is Intent.RELEASE and not configuration.release and _says(configuration):
            yield ("branches", pattern), "is for `release`, but there is no `release` section"


def _says(configuration: Configuration) -> bool:
    """Whether the branches are the file's own, and not the default."""
    return "branches" in configuration.model_fields_set


def _unknown_environments(configuration: Configuration) -> Iterator[tuple[Path, str]]:
    release, known = configuration.release, configuration.environments
    if release is None:
        return
    for field, name in (("from", release.from_), ("to", release.to)):
        if name and name not in known:
            hint = did_you_mean(name, known)
            yield ("release", field), f"no environment is named {name!r}{hint}"
    if release.from_ == release.to:
        yield ("release", "to"), "a release goes from one environment to another"
