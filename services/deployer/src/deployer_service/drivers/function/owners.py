"""Whose functions and roles are: the driver touches only what belongs to the component at hand."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from deployer_service.domain.deployment.model import Deployment
from deployer_service.domain.deployment.step import Step
from deployer_service.domain.errors import StepFailedError
from penstock_shared.aws import errors
from penstock_shared.ownership import OWN_NAMES, Ownership

_REPOSITORY = "penstock:repository"


def owner_of(stage: str, deployment: Deployment, step: Step) -> Ownership:
    """The owner of what a step deploys. `stage` is Penstock's own."""
    return Ownership(
        stage=stage,
        repository=f"{deployment.flow.forge}/{deployment.flow.repository}",
        component=step.name,
        environment=deployment.environment.name,
    )


def is_owned(tags: Mapping[str, str], owner: Ownership) -> bool:
    """Whether a function with these tags is this owner's."""
    return Ownership.from_tags(tags) == owner


def check_owner(function: str, tags: Mapping[str, str], owner: Ownership) -> None:
    """Raise StepFailedError unless the function's tags say that it is this owner's."""
    if function.lower().startswith(OWN_NAMES):
        raise StepFailedError(f"function {function} is Penstock's own: choose another name")
    if is_owned(tags, owner):
        return
    found = Ownership.from_tags(tags)
    whose = f"belongs to {found}" if found else "exists already, and Penstock did not make it"
    raise StepFailedError(
        f"function {function} {whose}. Nothing was changed. Choose another name, or take it over: "
        f"penstock env adopt {owner.environment} {owner.component} {function} "
        f"--repository {owner.repository}"
    )


@dataclass(frozen=True)
class ComponentRoles:
    """The roles that deployed functions run as. `client` makes boto3 clients by service.

    `default_arn` is the role of those that name none. A named role's name is that of the default
    role, the name, and the environment's stage: `penstock-prod-component-orders-staging`.
    """

    client: Callable[[str], Any]
    default_arn: str

    def arn_for(self, name: str, deployment: Deployment, step: Step) -> str:
        """The role for a step. Raises StepFailedError when it is missing or another's."""
        if not name:
            return self.default_arn
        arn = f"{self.default_arn}-{name}-{deployment.environment.stage}"
        role = arn.rpartition("/")[2]
        repository = owner_of("", deployment, step).repository
        tags = self._tags_of(role, step)
        if tags.get(_REPOSITORY) != repository:
            raise StepFailedError(
                f"role {role} has no tag {_REPOSITORY} with the value {repository}, so its "
                "components may not run as it. An administrator of the account sets that tag."
            )
        return arn

    def _tags_of(self, role: str, step: Step) -> dict[str, str]:
        try:
            found = self.client("iam").get_role(RoleName=role)["Role"].get("Tags", [])
        except errors.ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchEntity":
                raise
            raise StepFailedError(
                f"there is no role {role}, which deploy.role of {step.name} names"
            ) from error
        return {tag["Key"]: tag["Value"] for tag in found}
