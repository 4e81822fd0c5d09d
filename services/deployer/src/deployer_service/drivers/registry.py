"""Registers the drivers by the names that `deploy.driver` has in `penstock.yml`: one line each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from deployer_service.domain.ports import Driver, Performer, RequestJob
from deployer_service.drivers.command.driver import CommandDriver
from deployer_service.drivers.function.driver import LambdaDriver
from deployer_service.drivers.function.owners import ComponentRoles
from deployer_service.drivers.function.performer import LambdaPerformer
from penstock_shared.storage import ObjectStore


@dataclass(frozen=True)
class Tools:
    """What performers work with. `client` makes a boto3 client by its service's name, `stage` is
    Penstock's own.
    """

    client: Callable[[str], Any]
    objects: ObjectStore
    component_role_arn: str
    stage: str


def _functions(tools: Tools) -> LambdaPerformer:
    roles = ComponentRoles(tools.client, tools.component_role_arn)
    return LambdaPerformer(tools.client("lambda"), tools.objects, roles, tools.stage)


@dataclass(frozen=True)
class Kind:
    """One kind of deployment. Without a performer its requests go to somebody else: to runners."""

    make_driver: Callable[[RequestJob], Driver]
    make_performer: Callable[[Tools], Performer] | None = None


KINDS: Mapping[str, Kind] = {
    "command": Kind(CommandDriver),
    "lambda": Kind(lambda _request: LambdaDriver(), _functions),
}


def drivers(request: RequestJob) -> dict[str, Driver]:
    """Every driver, by its name."""
    return {name: kind.make_driver(request) for name, kind in KINDS.items()}


def performers(tools: Tools) -> dict[str, Performer]:
    """Those who do a driver's work in the steps function, by the driver's name."""
    return {name: kind.make_performer(tools) for name, kind in KINDS.items() if kind.make_performer}
