"""The sections of `penstock.yml` whose jobs are given secrets."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from penstock_shared.configuration.document import Path
from penstock_shared.configuration.model import Configuration


@dataclass(frozen=True)
class SecretsSection:
    """One section: its secrets and its other variables. `releases`: only releases run it."""

    secrets: Mapping[str, str]
    variables: Mapping[str, str]
    releases: bool = False

    @property
    def names(self) -> list[str]:
        """The names of its secrets, each once."""
        return sorted(set(self.secrets.values()))


def sections_with_secrets(
    configuration: Configuration,
) -> Iterator[tuple[Path, SecretsSection]]:
    """Every section that names secrets, with its place in the file."""
    for place, section in _sections(configuration):
        if section.secrets:
            yield place, section


def _sections(configuration: Configuration) -> Iterator[tuple[Path, SecretsSection]]:
    for name, component in configuration.components.items():
        build, deploy = component.build, component.deploy
        if build:
            yield (
                ("components", name, "build"),
                SecretsSection(build.secrets, build.env),
            )
        if deploy:
            yield (
                ("components", name, "deploy"),
                SecretsSection(deploy.secrets_of_jobs(), deploy.env, releases=True),
            )
    for name, gate in configuration.gates.items():
        yield (
            ("gates", name),
            SecretsSection(gate.secrets, gate.env, releases=gate.after is not None),
        )
