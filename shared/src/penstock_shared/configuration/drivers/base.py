"""The base of every driver's section of `penstock.yml`."""

from collections.abc import Iterable, Iterator

from penstock_shared.configuration.fields import Section
from penstock_shared.contracts.drivers import RECIPES
from penstock_shared.contracts.drivers.base import DeployRecipe


class DeploySection(DeployRecipe, Section):
    """The `deploy` section of a component: the driver's recipe and the checks of the file."""

    def broken_rules(self, stages: Iterable[str]) -> Iterator[tuple[str, str]]:  # most have none
        """The fields that are wrong with the environments' stages, and why."""
        yield from ()

    def recipe(self) -> DeployRecipe:
        """The recipe without the checks, as a plan holds it."""
        contract = next(recipe for recipe in RECIPES if recipe in type(self).__mro__)
        return contract.model_validate(self.model_dump())
