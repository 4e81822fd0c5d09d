"""What the lambda driver makes of a function that somebody who was killed has left behind."""

from dataclasses import dataclass, field
from hashlib import sha256
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import WaiterError

from deployer_service.domain.deployment.model import Deployment
from deployer_service.domain.errors import StepFailedError
from deployer_service.drivers.function.owners import ComponentRoles
from deployer_service.drivers.function.performer import LambdaPerformer
from penstock_shared.contracts.plan import ObjectRef
from penstock_shared.ownership import Ownership
from tests.support.objects import a_bucket
from tests.unit.deployer_service.world import World, by_lambda

CODE = b"what was built"
ARTIFACT = ObjectRef(key="artifacts/orders.zip", sha256=sha256(CODE).hexdigest())
BUILT = "Z31g60NY53rIEjaPfluFyc/aIKTA4o2ojpBif2RkjbI="


OURS = Ownership("local", "github/acme/shop", "orders", "staging")


class NotFoundError(Exception):
    """Lambda's ResourceNotFoundException."""


@dataclass
class FakeLambda:
    """One function. What is under way ends, as `ends` says, when somebody waits for it."""

    latest: dict[str, Any]
    ends: str = "Successful"
    published: dict[str, dict[str, Any]] = field(default_factory=dict)
    alias: str = ""
    calls: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=OURS.tags)

    @property
    def exceptions(self) -> Any:
        return SimpleNamespace(ResourceNotFoundException=NotFoundError)

    def get_function(self, **_: str) -> dict[str, Any]:
        return {"Configuration": dict(self.latest), "Tags": self.tags}

    def get_function_configuration(self, **asked: str) -> dict[str, Any]:
        return self.published[self.alias] if "Qualifier" in asked else dict(self.latest)

    def get_waiter(self, name: str) -> Any:
        def wait(**_: Any) -> None:
            self.calls.append(name)
            self.latest |= {"State": "Active", "LastUpdateStatus": self.ends}
            if self.ends == "Failed":
                self.ends = "Successful"
                answer: Any = {**self.latest, "LastUpdateStatus": "Failed"}
                raise WaiterError("FunctionUpdated", "it failed", answer)

        return SimpleNamespace(wait=wait)

    def update_function_configuration(self, *, Description: str, **_: Any) -> None:  # noqa: N803
        assert self.latest["LastUpdateStatus"] != "InProgress", "Lambda would refuse it"
        self.calls.append("configure")
        self.latest |= {"Description": Description, "LastUpdateStatus": "InProgress"}

    def update_function_code(self, **_: Any) -> None:
        assert self.latest["LastUpdateStatus"] != "InProgress", "Lambda would refuse it"
        self.calls.append("code")
        self.latest |= {"CodeSha256": BUILT, "LastUpdateStatus": "InProgress"}

    def publish_version(self, **_: Any) -> dict[str, Any]:
        version = str(len(self.published) + 1)
        self.published[version] = {**self.latest, "Version": version}
        return self.published[version]

    def get_alias(self, **_: Any) -> dict[str, Any]:
        if not self.alias:
            raise NotFoundError
        return {"FunctionVersion": self.alias, "RevisionId": "r"}

    def create_alias(self, *, FunctionVersion: str, **_: Any) -> None:  # noqa: N803
        self.alias = FunctionVersion


def a_function(**given: Any) -> dict[str, Any]:
    return {
        "Description": "of somebody before", "CodeSha256": "other", "CodeSize": 1,
        "State": "Active", "LastUpdateStatus": "Successful", **given,
    }  # fmt: skip


def no_client(service: str) -> Any:
    raise AssertionError(f"nobody needs {service}")


def deploy(functions: FakeLambda) -> None:
    deployment = a_deployment()
    objects = a_bucket()
    objects.put(ARTIFACT.key, CODE)
    performer = LambdaPerformer(functions, objects, ComponentRoles(no_client, "role"), "local")
    performer.deploy(deployment, deployment.steps[0], lambda: None)


def a_deployment() -> Deployment:
    world = World()
    component = by_lambda("orders").model_copy(update={"artifact": ARTIFACT})
    world.pass_tests(flow := world.flow(1, component))
    deployment = world.deployment(flow)
    assert deployment
    return deployment


@pytest.mark.parametrize(
    ("left", "waited"),
    [
        ({"State": "Pending"}, "function_active_v2"),
        ({"LastUpdateStatus": "InProgress"}, "function_updated_v2"),
    ],
    ids=["in-creation", "in-an-update"],
)
def test_what_is_under_way_is_waited_for_and_then_updated(
    left: dict[str, str], waited: str
) -> None:
    functions = FakeLambda(a_function(**left))

    deploy(functions)

    assert functions.calls[:2] == [waited, "configure"]
    assert functions.published[functions.alias]["CodeSha256"] == BUILT


def test_an_update_that_failed_for_somebody_before_is_made_again() -> None:
    functions = FakeLambda(a_function(LastUpdateStatus="InProgress"), ends="Failed")

    deploy(functions)

    assert functions.published[functions.alias]["CodeSha256"] == BUILT


def test_an_update_of_this_deployment_that_failed_is_not_taken_for_done() -> None:
    description = (
        f"penstock flow {a_deployment().flow_id} key {a_deployment().steps[0].component.key}"
    )
    functions = FakeLambda(
        a_function(Description=description, CodeSha256=BUILT, LastUpdateStatus="Failed")
    )

    deploy(functions)

    assert "code" in functions.calls


def test_a_version_with_other_code_than_the_artifact_is_never_served() -> None:
    functions = FakeLambda(a_function())
    functions.update_function_code = lambda **_: None  # type: ignore[method-assign]  # as a kill leaves it

    with pytest.raises(StepFailedError, match="does not hold its artifact"):
        deploy(functions)

    assert functions.alias == ""
