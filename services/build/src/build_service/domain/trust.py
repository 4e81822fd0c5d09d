"""Decides whose code a flow runs, and refuses files that claim more than that allows."""

from collections.abc import Iterable

from build_service.domain.errors import BuildError
from penstock_shared.configuration import Configuration, problem_at
from penstock_shared.configuration.secrets import sections_with_secrets
from penstock_shared.contracts.change import Change, Intent, Trust
from penstock_shared.globs import glob_matcher

PROTECTED = ("refs/heads/main", "refs/heads/master")
"""Patterns of the refs that may release, unless the repository's registration says others."""


def trust_of(change: Change, protected: Iterable[str] = PROTECTED) -> Trust:
    """The trust of a change, by where it comes from; its own `penstock.yml` has no say in it.

    A pull request is not its target branch, whichever ref it names.
    """
    if change.fork:
        return Trust.FORK
    if change.pull_request is None and _matches(change.ref, protected):
        return Trust.RELEASE
    return Trust.CHECK


def refuse_widening(
    change: Change, trust: Trust, configuration: Configuration, text: bytes
) -> None:
    """Refuse a `penstock.yml`, whose text is `text`, that releases what its trust does not allow,
    or whose jobs would be given secrets in a flow of a fork.

    Raises InvalidConfigurationError with the line of the rule, or BuildError if the file has none.
    """
    _refuse_secrets_of_forks(trust, configuration, text)
    if trust is Trust.RELEASE or intent_of(change, configuration) is not Intent.RELEASE:
        return
    kind, name = ("tag", change.tag) if change.tag else ("branch", change.branch)
    reason = f"{name!r} may not release: it is no protected {kind} of {change.repository}"
    if change.tag:
        raise problem_at(text, ("tags", configuration.rule_for_tag(name)[0]), reason)
    if not configuration.says_branches:
        rule = f"branches: {{{name!r}: check}}"
        raise BuildError(f"{reason}; protect it, or say `{rule}` in penstock.yml")
    raise problem_at(text, ("branches", configuration.rule_for(name)[0]), reason)


def intent_of(change: Change, configuration: Configuration) -> Intent:
    """What the file wants of a change. A pull request is checked, whatever its branch's name."""
    if change.pull_request is not None:
        return Intent.CHECK
    if change.tag:
        return configuration.intent_of_tag(change.tag)
    return configuration.intent_of(change.branch)


def _refuse_secrets_of_forks(trust: Trust, configuration: Configuration, text: bytes) -> None:
    """The jobs of a fork would have to run without their secrets; runners refuse them too."""
    if trust is not Trust.FORK:
        return
    for path, section in sections_with_secrets(configuration):
        if not section.releases:
            reason = f"no job of a fork is given secrets: {', '.join(section.names)}"
            raise problem_at(text, (*path, "secrets"), reason)


def _matches(ref: str, patterns: Iterable[str]) -> bool:
    return any(glob_matcher(pattern)(ref) for pattern in patterns)
