"""Rules across fields: names that must exist, names that must differ, and no circles."""

from collections.abc import Iterator

from penstock_shared.configuration.circles import circle_in, circle_text
from penstock_shared.configuration.document import Path
from penstock_shared.configuration.gate_rules import gate_rules
from penstock_shared.configuration.kept import PrepareSection, nested_in
from penstock_shared.configuration.model import NOT, Configuration
from penstock_shared.configuration.secrets import sections_with_secrets
from penstock_shared.configuration.wording import did_you_mean, shown
from penstock_shared.contracts.change import Intent

_OWN_VARIABLES = "PENSTOCK_"

Broken = Iterator[tuple[Path, str]]


def broken_rules(configuration: Configuration) -> Broken:
    """The contradictions between sections: where, and why."""
    yield from _unknown_dependencies(configuration)
    yield from _circles(configuration)
    yield from gate_rules(configuration)
    yield from _kept(configuration)
    yield from _deployments(configuration)
    yield from _undeployable(configuration)
    yield from _shared_stages(configuration)
    yield from _branches(configuration)
    yield from _tags(configuration)
    yield from _unknown_environments(configuration)
    yield from _secrets(configuration)


def _unknown_dependencies(configuration: Configuration) -> Broken:
    for name, component in configuration.components.items():
        for index, dependency in enumerate(component.depends_on):
            if dependency not in configuration.components:
                hint = did_you_mean(dependency, configuration.components)
                yield (
                    ("components", name, "depends_on", index),
                    f"no component is named {dependency!r}{hint}",
                )


def _circles(configuration: Configuration) -> Broken:
    graph = {name: section.depends_on for name, section in configuration.components.items()}
    if circle := circle_in(graph):
        yield ("components", circle[0], "depends_on"), circle_text(circle)


def _kept(configuration: Configuration) -> Broken:
    sections: dict[Path, PrepareSection | None] = {("prepare",): configuration.prepare}
    caches: dict[Path, tuple[str, ...]] = {}
    for name, component in configuration.components.items():
        sections[("components", name, "prepare")] = component.prepare
        if component.build:
            caches["components", name, "build", "cache"] = component.build.cache
    caches |= {("gates", name, "cache"): gate.cache for name, gate in configuration.gates.items()}
    for path, section in sections.items():
        for where, message in section.broken_rules() if section else ():
            yield (*path, *where), message
    for path, folders in caches.items():
        for place, other in nested_in(folders):
            yield (*path, place), f"lies in {other!r}, which is kept already"


def _deployments(configuration: Configuration) -> Broken:
    """Different names can collide: `a` on stage `b-c` and `a-b` on stage `c` are one function."""
    stages = _stages(configuration)
    owners: dict[str, tuple[str, str]] = {}
    for name, component in configuration.components.items():
        deploy = component.deploy
        if deploy is None:
            continue
        for field, message in deploy.broken_rules(stages.values()):
            yield ("components", name, "deploy", field), message
        for environment, stage in stages.items():
            deployed = deploy.deployed_name(stage)
            owner, where = owners.setdefault(deployed, (name, environment))
            if deployed and owner != name:
                what = f"{deploy.named_by} {deployed}"
                yield (
                    ("components", name, "deploy", deploy.named_by),
                    f"component {owner!r} deploys a {what} to {where} already",
                )
                break


def _stages(configuration: Configuration) -> dict[str, str]:
    """Each environment's stage."""
    return {name: one.stage or name for name, one in configuration.environments.items()}


def _undeployable(configuration: Configuration) -> Broken:
    for name, component in configuration.components.items():
        build, deploy = component.build, component.deploy
        if deploy is None:
            continue
        if deploy.needs_artifact and not component.artifact:
            yield (
                ("components", name, "deploy"),
                (
                    f"the {deploy.driver} driver needs an artifact: give `build` a `preset` "
                    "or an `artifact`"
                ),
            )
        elif build and (refusal := build.method.refusal(deploy)):
            field, message = refusal
            yield ("components", name, "deploy", field), message


def _shared_stages(configuration: Configuration) -> Broken:
    owners: dict[str, str] = {}
    for name, stage in _stages(configuration).items():
        owner = owners.setdefault(stage, name)
        if owner != name:
            yield (
                ("environments", name, "stage"),
                (
                    f"environment {owner!r} has stage {stage!r} already: each would overwrite what "
                    "the other deploys"
                ),
            )


def _branches(configuration: Configuration) -> Broken:
    yield from _rules(configuration, "branches", "branch", says=configuration.says_branches)


def _tags(configuration: Configuration) -> Broken:
    yield from _rules(configuration, "tags", "tag", says=True)


def _rules(configuration: Configuration, section: str, what: str, *, says: bool) -> Broken:
    everything = ""
    for pattern, intent in getattr(configuration, section).items():
        path, name = (section, pattern), pattern.removeprefix(NOT)
        if everything:
            yield path, f"is never reached: {everything!r} before it matches every {what}"
        if name.startswith("refs/"):
            sign, short = pattern[: -len(name)], name.split("/", 2)[-1]
            yield path, f"patterns are of a {what}'s name alone: write {shown(sign + short)!r}"
        if intent is Intent.RELEASE and not configuration.release and says:
            yield path, "is for `release`, but there is no `release` section"
        everything = everything or (pattern if pattern == "**" else "")


def _unknown_environments(configuration: Configuration) -> Broken:
    release, known = configuration.release, configuration.environments
    if release is None:
        return
    for field, name in (("from", release.from_), ("to", release.to)):
        if name and name not in known:
            hint = did_you_mean(name, known)
            yield ("release", field), f"no environment is named {name!r}{hint}"
    if release.from_ == release.to:
        yield (
            ("release", "to"),
            (
                f"is {release.to!r}, as `from` is: a release goes from one environment to another; "
                "leave `from` out to release without a bake"
            ),
        )


def _secrets(configuration: Configuration) -> Broken:
    for path, section in sections_with_secrets(configuration):
        for variable in section.secrets:
            where = (*path, "secrets", variable)
            if variable in section.variables:
                yield where, "is in `env` too: give the variable one of the two"
            if variable.upper().startswith(_OWN_VARIABLES):
                yield where, f"variables that begin with {_OWN_VARIABLES} are Penstock's own"
