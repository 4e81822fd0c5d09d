"""What each driver asks for."""

from datetime import timedelta

import pytest

from deployer_service.domain.deployment.model import Deployment
from deployer_service.domain.deployment.step import Step
from deployer_service.domain.errors import DeployerError
from deployer_service.domain.messages import DeployComponentRequested, Direction
from deployer_service.domain.ports import NoWayBack
from deployer_service.drivers.command.driver import CommandDriver
from deployer_service.drivers.function.driver import PATIENCE, LambdaDriver
from penstock_shared.contracts.event import Queue
from penstock_shared.contracts.events import JobRequested
from penstock_shared.contracts.jobs import Job
from penstock_shared.contracts.plan import PlannedComponent
from tests.support.builders import PROOFS, a_checkout
from tests.unit.deployer_service.world import Flow, World, by_command, by_lambda


def deployed(*components: PlannedComponent) -> tuple[Flow, Deployment]:
    world = World()
    flow = world.flow(1, *components)
    world.pass_tests(flow)
    deployment = world.deployment(flow)
    assert deployment
    return flow, deployment


def job_of(component: PlannedComponent) -> Job:
    _, deployment = deployed(component)
    request = CommandDriver(PROOFS.request).deploy(deployment, deployment.steps[0])
    assert isinstance(request, JobRequested)
    return request.job


def test_a_command_is_a_job_for_the_runners() -> None:
    component = by_command("orders", run="./deploy.sh", timeout=30)
    job = job_of(component.model_copy(update={"path": "services/orders"}))

    assert (job.owner, job.name, job.component, job.run) == (
        "deployer",
        "deploy",
        "orders",
        "./deploy.sh",
    )
    assert job.workdir == "services/orders"
    assert job.timeout == 30
    assert job.source == a_checkout(sha=World().flow(1).ref.sha)
    assert (job.environment, job.token, job.position) == ("staging", 1, 0)
    assert not job.despite_stop


def test_a_command_finds_its_artifact_where_it_is_told() -> None:
    component = by_command("orders")
    assert component.artifact
    job = job_of(component.model_copy(update={"path": "services/orders"}))

    [download] = job.inputs
    told = job.variables["PENSTOCK_ARTIFACT"]
    assert download.path == f"{job.workdir}/{told}"
    assert told.startswith(".penstock/")
    assert told.endswith(".zip")
    assert download.sha256 == component.artifact.sha256


def test_a_component_in_the_root_of_its_repository_has_its_artifact_there() -> None:
    job = job_of(by_command("orders").model_copy(update={"path": "."}))

    assert [download.path for download in job.inputs] == [job.variables["PENSTOCK_ARTIFACT"]]


def test_a_command_without_an_artifact_is_told_of_none() -> None:
    job = job_of(by_command("orders").model_copy(update={"artifact": None}))

    assert job.inputs == ()
    assert "PENSTOCK_ARTIFACT" not in job.variables


def test_a_command_has_the_variables_of_its_section_below_penstock_s_own() -> None:
    job = job_of(by_command("orders", env={"MODE": "fast", "PENSTOCK_STAGE": "elsewhere"}))

    assert job.variables["MODE"] == "fast"
    assert job.variables["PENSTOCK_STAGE"] == "staging"


def test_a_command_knows_where_it_deploys_what() -> None:
    flow, deployment = deployed(by_command("orders"))
    request = CommandDriver(PROOFS.request).deploy(deployment, deployment.steps[0])

    assert isinstance(request, JobRequested)
    told = request.job.variables
    assert told["PENSTOCK_ENVIRONMENT"] == "staging"
    assert told["PENSTOCK_STAGE"] == "staging"
    assert told["PENSTOCK_COMPONENT"] == "orders"
    assert told["PENSTOCK_VERSION"] == flow.version


def test_a_rollback_job_runs_although_its_flow_was_stopped() -> None:
    _, deployment = deployed(by_command("orders"))
    request = CommandDriver(PROOFS.request).roll_back(deployment, deployment.steps[0])

    assert isinstance(request, JobRequested)
    assert request.job.despite_stop
    assert request.job.name == "rollback"
    assert request.job.inputs == ()
    assert request.job.variables["PENSTOCK_VERSION"] == ""


def test_a_rollback_is_another_job_than_the_deployment() -> None:
    _, deployment = deployed(by_command("orders"))
    before = deployment.deployed(deployment.steps[0]).model_copy(update={"version": "v0"})
    step = deployment.steps[0].now(target=before)
    driver = CommandDriver(PROOFS.request)

    there, back = driver.deploy(deployment, step), driver.roll_back(deployment, step)

    assert isinstance(there, JobRequested)
    assert isinstance(back, JobRequested)
    assert there.job.job_id != back.job.job_id


def test_without_a_rollback_command_there_is_no_way_back() -> None:
    _, deployment = deployed(by_command("orders", rollback=""))

    assert CommandDriver(PROOFS.request).roll_back(deployment, deployment.steps[0]) == NoWayBack(
        "it has no rollback command"
    )


def test_a_job_may_wait_for_a_runner_and_then_run_as_long_as_its_timeout() -> None:
    _, deployment = deployed(by_command("orders", timeout=300))

    patience = CommandDriver(PROOFS.request).patience(deployment.steps[0])

    assert patience == timedelta(hours=1, seconds=300)


def test_a_function_is_for_the_steps_queue() -> None:
    _, deployment = deployed(by_lambda("orders"))
    driver = LambdaDriver()

    request = driver.deploy(deployment, deployment.steps[0])

    assert isinstance(request, DeployComponentRequested)
    assert request.channel == Queue("deployer-steps")
    assert (request.direction, request.token) == (Direction.DEPLOY, deployment.token)
    assert driver.patience(deployment.steps[0]) == PATIENCE


@pytest.mark.parametrize(
    ("driver", "component"),
    [(CommandDriver(PROOFS.request), by_lambda("orders")), (LambdaDriver(), by_command("orders"))],
    ids=["command", "lambda"],
)
def test_a_driver_refuses_what_is_another_s(
    driver: CommandDriver | LambdaDriver, component: PlannedComponent
) -> None:
    with pytest.raises(DeployerError, match="orders is not deployed by"):
        driver.patience(Step(component=component))


def test_a_command_names_its_secrets_and_has_no_value() -> None:
    job = job_of(by_command("orders", secrets={"KEY": "API_KEY"}))

    assert job.secrets == {"KEY": "API_KEY"}
    assert "KEY" not in job.variables
