"""Driver `lambda`: a function, a published version for each deployment, and the alias `live`.

The alias is what is served, and moving it is the last write of a deployment and the only one of a
rollback. Nothing before that changes what callers see.

A function has an owner, in its tags. The driver writes to none that is another's or nobody's.
"""

from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from deployer_service.domain.deployment.model import Deployment
from deployer_service.domain.deployment.step import Step
from deployer_service.domain.errors import StepFailedError
from deployer_service.domain.ports import Performed
from deployer_service.drivers.function.driver import recipe_of
from deployer_service.drivers.function.owners import (
    ComponentRoles,
    check_owner,
    is_owned,
    owner_of,
)
from penstock_shared.aws import errors
from penstock_shared.contracts.drivers import Deploy
from penstock_shared.contracts.drivers.function import ALIAS, OUTPUT, LambdaDeploy
from penstock_shared.contracts.plan import ObjectRef
from penstock_shared.ownership import Ownership
from penstock_shared.storage import ObjectStore

WAITER = {"Delay": 0.2, "MaxAttempts": 300}
"""A minute at most; Lambda needs seconds for a zip outside of a VPC."""
WORTH_A_RETRY = frozenset(
    {
        "PreconditionFailedException",  # somebody else has just moved the alias: look again
        "RequestTimeout",
        "ResourceConflictException",  # another update of the function is under way
        "ThrottlingException",
        "TooManyRequestsException",
    }
)


@dataclass(frozen=True)
class LambdaPerformer:
    """Creates and updates functions. `client` is a boto3 Lambda client, `roles` says what functions
    run as, `stage` is Penstock's own stage.
    """

    client: Any
    objects: ObjectStore
    roles: ComponentRoles
    stage: str

    def deploy(
        self, deployment: Deployment, step: Step, still_ours: Callable[[], None]
    ) -> Performed:
        """Publish the artifact as a version, move the alias to it, and look whether it is there.

        Raises StepFailedError when the artifact is not what was built, or Lambda refuses.
        """
        function = _Function.of(deployment, step)
        self._check_artifact(function.artifact)
        with self._explained(function.name):
            role = self.roles.arn_for(function.recipe.role, deployment, step)
            still_ours()
            self._update(function, self._owner(deployment, step), role)
            revision = self._publish(function)
            self._serve(function.name, revision, still_ours)
            self._verify(function.name, revision, function.code_sha256)
        return Performed(revision, {OUTPUT: function.output})

    def roll_back(self, deployment: Deployment, step: Step, still_ours: Callable[[], None]) -> None:
        """Move the alias back. Without a version to go back to, or where that is served under
        another name, take the alias away: what was deployed is there, but nobody is served by it.
        """
        deployed = _name(deployment, step.component.deploy)
        target = step.target
        served = target.outputs[OUTPUT].removesuffix(f":{ALIAS}") if target else ""
        owner = self._owner(deployment, step)
        with self._explained(served or deployed):
            if deployed and deployed != served:
                self._take_out(deployed, owner, still_ours)
            if target:
                self._checked(served, owner)
                self._serve(served, target.revision, still_ours)
                self._verify(served, target.revision, _code_sha256(target.artifact))

    def _check_artifact(self, artifact: ObjectRef) -> None:
        try:
            found = sha256(self.objects.get(artifact.key)).hexdigest()
        except errors.ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchKey":
                raise
            raise StepFailedError(f"its artifact {artifact.key} does not exist") from error
        if found != artifact.sha256:
            raise StepFailedError(
                f"its artifact {artifact.key} is not the one that was built: "
                f"its sha256 is {found}, the plan says {artifact.sha256 or 'nothing'}"
            )

    def _owner(self, deployment: Deployment, step: Step) -> Ownership:
        return owner_of(self.stage, deployment, step)

    def _update(self, function: "_Function", owner: Ownership, role: str) -> None:
        """Bring the function, not yet what it serves, to this deployment."""
        known = self._settled(function.name, owner)
        if known is None:
            self.client.create_function(
                FunctionName=function.name,
                Code=self._code(function),
                Architectures=[function.recipe.architecture],
                Tags=owner.tags(),
                **function.configuration(role),
            )
            self._wait("function_active_v2", function.name)
        elif not function.is_in(known):
            self.client.update_function_configuration(
                FunctionName=function.name, **function.configuration(role)
            )
            self._wait("function_updated_v2", function.name)
            self.client.update_function_code(
                FunctionName=function.name,
                Architectures=[function.recipe.architecture],
                **self._code(function),
            )
            self._wait("function_updated_v2", function.name)

    def _settled(self, name: str, owner: Ownership) -> dict[str, Any] | None:
        """The function's configuration, or None; whoever died before may have left it in the
        middle of its creation or of an update, the end of which is waited for.

        Raises StepFailedError when the function is not this component's.
        """
        known = self._checked(name, owner)
        if known and known.get("State") == "Pending":
            self._wait("function_active_v2", name)
            return self._configuration(name)
        if known and known.get("LastUpdateStatus") == "InProgress":
            self._wait_for_any_end(name)
            return self._configuration(name)
        return known

    def _checked(self, name: str, owner: Ownership) -> dict[str, Any] | None:
        """The function's configuration, or None. Raises StepFailedError if it is another's."""
        found = self._known(self.client.get_function, FunctionName=name)
        if found is None:
            return None
        check_owner(name, found.get("Tags", {}), owner)
        configuration: dict[str, Any] = found["Configuration"]
        return configuration

    def _wait_for_any_end(self, name: str) -> None:
        """Wait for an update that may fail: this deployment updates the function again."""
        try:
            self._wait("function_updated_v2", name)
        except errors.WaiterError as error:
            if error.last_response.get("LastUpdateStatus") != "Failed":
                raise

    def _publish(self, function: "_Function") -> str:
        """The number of the version, which holds the artifact. Lambda publishes none when nothing
        changed since the last one, so asking twice gives the same.
        """
        published = self.client.publish_version(
            FunctionName=function.name,
            CodeSha256=function.code_sha256,
            Description=function.description,
        )
        revision = str(published["Version"])
        _check_code(function.name, revision, published, function.code_sha256)
        if published.get("State") == "Pending":
            self._wait("published_version_active", function.name, Qualifier=revision)
        return revision

    def _serve(self, name: str, revision: str, still_ours: Callable[[], None]) -> None:
        alias = self._alias(name)
        # After the alias was read: who takes the environment over in between moves it, and then
        # the revision id that we have no longer fits.
        still_ours()
        if alias is None:
            self.client.create_alias(FunctionName=name, Name=ALIAS, FunctionVersion=revision)
        elif alias["FunctionVersion"] != revision:
            self.client.update_alias(
                FunctionName=name,
                Name=ALIAS,
                FunctionVersion=revision,
                RevisionId=alias["RevisionId"],
            )

    def _take_out(self, name: str, owner: Ownership, still_ours: Callable[[], None]) -> None:
        """Take the alias away. Of a function that is another's, nothing was deployed."""
        found = self._known(self.client.get_function, FunctionName=name)
        if found and is_owned(found.get("Tags", {}), owner) and self._alias(name):
            still_ours()
            self.client.delete_alias(FunctionName=name, Name=ALIAS)

    def _verify(self, name: str, revision: str, code_sha256: str) -> None:
        serves = self._configuration(name, Qualifier=ALIAS) or {}
        if serves.get("Version") != revision:
            raise StepFailedError(
                f"alias {ALIAS} of {name} serves version {serves.get('Version')}, not {revision}"
            )
        _check_code(name, revision, serves, code_sha256)

    def _configuration(self, name: str, **qualifier: str) -> dict[str, Any] | None:
        return self._known(self.client.get_function_configuration, FunctionName=name, **qualifier)

    def _alias(self, name: str) -> dict[str, Any] | None:
        return self._known(self.client.get_alias, FunctionName=name, Name=ALIAS)

    def _known(self, ask: Callable[..., dict[str, Any]], **whom: str) -> dict[str, Any] | None:
        try:
            return ask(**whom)
        except self.client.exceptions.ResourceNotFoundException:
            return None

    def _code(self, function: "_Function") -> dict[str, str]:
        return {"S3Bucket": self.objects.bucket, "S3Key": function.artifact.key}

    @contextmanager
    def _explained(self, function: str) -> Iterator[None]:
        """Refusals by Lambda that come again however often one tries, as a StepFailedError."""
        try:
            yield
        except errors.WaiterError as error:
            raise StepFailedError(f"function {function} did not become ready: {error}") from error
        except errors.ClientError as error:
            if error.operation_name not in self._operations() or _worth_a_retry(error):
                raise
            told = error.response["Error"]
            raise StepFailedError(
                f"{error.operation_name} of function {function} was refused with "
                f"{told['Code']}: {told['Message']}"
            ) from error

    def _operations(self) -> list[str]:
        return list(self.client.meta.service_model.operation_names)

    def _wait(self, waiter: str, name: str, **qualifier: str) -> None:
        self.client.get_waiter(waiter).wait(FunctionName=name, WaiterConfig=WAITER, **qualifier)


@dataclass(frozen=True)
class _Function:
    """What a step wants Lambda to have."""

    name: str
    recipe: LambdaDeploy
    artifact: ObjectRef
    description: str
    variables: dict[str, str]

    @classmethod
    def of(cls, deployment: Deployment, step: Step) -> "_Function":
        """The function of a step. Raises StepFailedError when it has no artifact."""
        recipe = recipe_of(step)
        if step.component.artifact is None:
            raise StepFailedError("it has no artifact; give its `build` a `preset` or `artifact`")
        return cls(
            name=_name(deployment, recipe),
            recipe=recipe,
            artifact=step.component.artifact,
            description=f"penstock flow {deployment.flow_id} key {step.component.key}",
            variables={
                **recipe.env,
                **deployment.variables(step),
                "PENSTOCK_ENVIRONMENT": deployment.environment.name,
                "PENSTOCK_VERSION": deployment.version,
            },
        )

    @property
    def output(self) -> str:
        """What dependents call."""
        return f"{self.name}:{ALIAS}"

    @property
    def code_sha256(self) -> str:
        """The artifact's digest as Lambda writes it."""
        return _code_sha256(self.artifact)

    def is_in(self, known: dict[str, Any]) -> bool:
        """Whether the function is as this deployment wants it, by an update that succeeded."""
        has = (known["Description"], known["CodeSha256"])
        wanted = (self.description, self.code_sha256)
        return has == wanted and known.get("LastUpdateStatus") != "Failed"

    def configuration(self, role: str) -> dict[str, Any]:
        """What CreateFunction and UpdateFunctionConfiguration both take."""
        return {
            "Role": role,
            "Runtime": self.recipe.runtime,
            "Handler": self.recipe.handler,
            "MemorySize": self.recipe.memory,
            "Timeout": self.recipe.timeout,
            "Description": self.description,
            "Environment": {"Variables": self.variables},
        }


def _name(deployment: Deployment, recipe: Deploy | None) -> str:
    """The name of a recipe's function; empty for a recipe of another driver."""
    stage = deployment.environment.stage
    return f"{recipe.function}-{stage}" if isinstance(recipe, LambdaDeploy) else ""


def _check_code(name: str, revision: str, version: dict[str, Any], code_sha256: str) -> None:
    if not version.get("CodeSize") or version.get("CodeSha256") != code_sha256:
        raise StepFailedError(f"version {revision} of {name} does not hold its artifact")


def _worth_a_retry(error: "errors.ClientError") -> bool:
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    return status >= 500 or error.response["Error"]["Code"] in WORTH_A_RETRY


def _code_sha256(artifact: ObjectRef | None) -> str:
    """https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html: base64."""
    return b64encode(bytes.fromhex(artifact.sha256 if artifact else "")).decode()
