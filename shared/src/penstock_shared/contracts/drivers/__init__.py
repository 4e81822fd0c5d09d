"""Registers the drivers' recipes: one line each."""

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, TypeAlias

from pydantic import Field

from penstock_shared.contracts.drivers.base import DeployRecipe
from penstock_shared.contracts.drivers.command import CommandDeploy
from penstock_shared.contracts.drivers.function import LambdaDeploy

RECIPES = (
    LambdaDeploy,
    CommandDeploy,
)

if TYPE_CHECKING:
    Deploy: TypeAlias = DeployRecipe
else:
    Deploy = Annotated[reduce(or_, RECIPES), Field(discriminator="driver")]
