"""Gives a deployed function an owner, so that Penstock deploys it from then on."""

from dataclasses import dataclass
from typing import Any

from penstock.connection import AwsError, Connection
from penstock.errors import NotFoundError, RefusedError
from penstock.registry import registered
from penstock_shared.contracts.change import Forge
from penstock_shared.ownership import OWN_NAMES, Ownership


@dataclass(frozen=True)
class Adoption:
    """A function that is to belong to `owner`. `before` is its owner until now, if it has one."""

    function: str
    arn: str
    role: str
    changed_at: str
    before: Ownership | None
    owner: Ownership

    def lines(self) -> list[str]:
        """What the adoption takes over, for a person to decide about."""
        return [
            f"Function {self.function}, last changed {self.changed_at}, runs as {self.role}.",
            f"It belongs to {self.before or 'nobody that Penstock knows'}.",
            f"It will belong to {self.owner}.",
            "The next deployment replaces its code, its settings, its role and its alias `live`.",
        ]

    def carry_out(self, connection: Connection) -> None:
        """Set the tags. Raises AwsError."""
        tags = self.owner.tags()
        _asked(lambda: connection.client("lambda").tag_resource(Resource=self.arn, Tags=tags))


def adoption_of(connection: Connection, function: str, owner: Ownership) -> Adoption:
    """What it means that the function shall belong to this owner.

    Raises RefusedError for functions of Penstock's own, NotFoundError, AwsError.
    """
    if function.lower().startswith(OWN_NAMES):
        raise RefusedError(f"{function} is Penstock's own: no component can have it")
    found = _asked(lambda: connection.client("lambda").get_function(FunctionName=function))
    if found is None:
        raise NotFoundError(f"there is no function {function} in {connection.name}")
    known = found["Configuration"]
    return Adoption(
        function=known["FunctionName"],
        arn=known["FunctionArn"],
        role=known["Role"].rpartition("/")[2],
        changed_at=known["LastModified"],
        before=Ownership.from_tags(found.get("Tags", {})),
        owner=owner,
    )


def owning_repository(connection: Connection, name: str, forge: Forge | None) -> str:
    """The repository as owners name it, with its forge: `github/acme/shop`.

    It must be registered, unless its forge is given. Raises what the registry refuses with.
    """
    if forge is None:
        found = registered(connection.registry, name)
        forge, name = found.forge, found.full_name
    return f"{forge}/{name}"


def _asked(call: Any) -> Any:
    """The answer; None where the function does not exist."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return call()
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return None
        raise AwsError(f"Lambda refused: {error}") from error
    except BotoCoreError as error:
        raise AwsError(f"Lambda did not answer: {error}") from error
