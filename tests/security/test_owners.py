"""H4, M5 and C2 without forgery: what is deployed has an owner.

`deploy: {function: billingX}` named another team's function, and its code, role, environment and
alias were replaced. A second repository that named the same function took it over. Every component
ran as one role, which could call the live version of every function of the account.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from deployer_service.domain.deployment.model import Deployment
from deployer_service.domain.deployment.step import Step
from deployer_service.domain.errors import StepFailedError
from penstock.app import app
from penstock.embedded.home import Home
from penstock.errors import ExitCode
from penstock_shared.ownership import Ownership
from tests.integration.deployer.cloud import ROLE_ARN, Cloud, a_deployment, zip_saying
from tests.support.emulator import OwnEmulator
from tests.unit.penstock.commands.fake_stack import stack_at

pytestmark = pytest.mark.integration

OWNER = Ownership("local", "github/acme/shop", "orders", "staging")
TRUSTS_LAMBDA = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnEmulator]:
    own = OwnEmulator(Home(tmp_path_factory.mktemp("owners"))).start()
    yield own
    own.stop()


@pytest.fixture
def cloud(emulator: OwnEmulator) -> Cloud:
    return Cloud(emulator)


def of_another_team(cloud: Cloud) -> dict[str, Any]:
    """A function that somebody made without Penstock; returns what it is."""
    cloud.functions.create_function(
        FunctionName=cloud.function,
        Runtime="python3.13",
        Handler="handler.handler",
        Role="arn:aws:iam::000000000000:role/billing",
        Code={"ZipFile": zip_saying("billing")},
        Environment={"Variables": {"SHOP_CURRENCY": "USD"}},
    )
    cloud.functions.publish_version(FunctionName=cloud.function)
    cloud.functions.create_alias(FunctionName=cloud.function, Name="live", FunctionVersion="1")
    return state_of(cloud)


def state_of(cloud: Cloud) -> dict[str, Any]:
    found = cloud.functions.get_function(FunctionName=cloud.function)
    names = ("CodeSha256", "Role", "Environment", "Description", "RevisionId")
    alias = cloud.functions.get_alias(FunctionName=cloud.function, Name="live")
    return {
        **{name: found["Configuration"].get(name) for name in names},
        "tags": found.get("Tags", {}),
        "live": alias["FunctionVersion"],
    }


def of_repository(name: str, word: str, step: Step) -> Deployment:
    deployment = a_deployment(word, step)
    flow = deployment.flow.model_copy(update={"repository": name})
    return deployment.model_copy(update={"flow": flow})


def test_a_function_of_another_team_is_not_replaced(cloud: Cloud) -> None:
    before = of_another_team(cloud)

    with pytest.raises(StepFailedError, match="Penstock did not make it") as refused:
        cloud.deploy("evil")

    assert f"penstock env adopt staging orders {cloud.function}" in str(refused.value)
    assert state_of(cloud) == before
    assert cloud.ask()["says"] == "billing"


def test_a_refused_deployment_takes_nothing_back_either(cloud: Cloud) -> None:
    before = of_another_team(cloud)

    cloud.roll_back("evil", None)

    assert state_of(cloud) == before


def test_a_second_repository_does_not_take_the_function_over(cloud: Cloud) -> None:
    served = cloud.deploy("hello")
    before = state_of(cloud)
    step = cloud.step("evil")
    deployment = of_repository("acme/another", "evil", step)

    with pytest.raises(StepFailedError, match="belongs to component orders of github/acme/shop"):
        cloud.performer.deploy(deployment, step, lambda: None)
    back = cloud.step("evil", target=served)
    with pytest.raises(StepFailedError, match="belongs to"):
        cloud.performer.roll_back(deployment, back, lambda: None)

    assert state_of(cloud) == before


@pytest.mark.parametrize("change", [{"component": "x"}, {"environment": "x"}, {"stage": "x"}])
def test_every_part_of_the_owner_counts(cloud: Cloud, change: dict[str, str]) -> None:
    cloud.deploy("hello")
    assert state_of(cloud)["tags"] == OWNER.tags()
    tags = {f"penstock:{name}": value for name, value in change.items()}
    arn = cloud.functions.get_function(FunctionName=cloud.function)["Configuration"]["FunctionArn"]
    cloud.functions.tag_resource(Resource=arn, Tags=tags)

    with pytest.raises(StepFailedError, match="belongs to"):
        cloud.deploy("goodbye")


def test_who_says_so_by_name_adopts_a_function(cloud: Cloud) -> None:
    before = of_another_team(cloud)

    shown = adopt(cloud, "--yes").output

    assert "It belongs to nobody that Penstock knows." in shown
    assert "runs as billing" in shown
    assert state_of(cloud) == {**before, "tags": OWNER.tags()}
    cloud.deploy("hello")
    assert cloud.ask()["says"] == "hello"


def test_who_does_not_say_yes_adopts_nothing(cloud: Cloud) -> None:
    before = of_another_team(cloud)

    said = adopt(cloud, answer="n\n")

    assert said.exit_code == ExitCode.REFUSED
    assert "nothing was changed" in said.output
    assert state_of(cloud) == before


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("penstock-build-local-worker", "Penstock's own"),
        ("Penstock-Anything", "Penstock's own"),
        ("nowhere", "there is no function nowhere"),
    ],
)
def test_what_cannot_be_adopted_is_refused_in_words(cloud: Cloud, function: str, said: str) -> None:
    answer = adopt(cloud, "--yes", function=function)

    assert answer.exit_code != 0
    assert said in answer.output


def adopt(
    cloud: Cloud,
    *options: str,
    function: str = "",
    repository: str = OWNER.repository.removeprefix("github/"),
    answer: str = "",
) -> Result:
    """Run the command against this emulator."""
    home, endpoint = cloud.emulator.home.folder, cloud.emulator.endpoint
    assert endpoint
    replace(stack_at(endpoint.url), secret_access_key=endpoint.secret).save(home / "stack.json")
    command = ["env", "adopt", OWNER.environment, OWNER.component, function or cloud.function]
    variables = {"PENSTOCK_HOME": str(home), "COLUMNS": "200"}
    return CliRunner(env=variables).invoke(
        app, [*command, "--repository", repository, "--forge", "github", *options], input=answer
    )


def test_a_component_runs_as_a_role_of_its_own_repository_only(cloud: Cloud) -> None:
    iam = cloud.emulator.client("iam")
    for role, repository in (("ours", "github/acme/shop"), ("billing", "github/acme/billing")):
        iam.create_role(
            RoleName=f"penstock-local-component-{role}-staging",
            AssumeRolePolicyDocument=TRUSTS_LAMBDA,
            Tags=[{"Key": "penstock:repository", "Value": repository}],
        )

    deploy_as(cloud, "ours")
    role = cloud.functions.get_function_configuration(FunctionName=cloud.function)["Role"]

    assert role == f"{ROLE_ARN}-ours-staging"
    with pytest.raises(StepFailedError, match="no tag penstock:repository"):
        deploy_as(cloud, "billing")
    with pytest.raises(StepFailedError, match="there is no role"):
        deploy_as(cloud, "missing")
    assert cloud.functions.get_function_configuration(FunctionName=cloud.function)["Role"] == role


def deploy_as(cloud: Cloud, role: str) -> None:
    step = cloud.step(role)
    assert step.component.deploy
    recipe = step.component.deploy.model_copy(update={"role": role})
    cloud.deploy(role, step.now(component=step.component.model_copy(update={"deploy": recipe})))
