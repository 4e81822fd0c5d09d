"""Makes every job of a plan. No other module does."""

import posixpath
from dataclasses import dataclass

from penstock_shared.contracts.change import Trust
from penstock_shared.contracts.jobs import Checkout, Download, Job, Upload
from penstock_shared.contracts.plan import ObjectRef, Plan, PlannedComponent, PlannedGate
from penstock_shared.identifiers import job_id_for
from penstock_shared.object_keys import ObjectKind, object_key

BUILD_SERVICE = "build"
TEST_SERVICE = "test-runner"
DEPLOY_SERVICE = "deployer"

BUILD = "build"
"""The name of every build job."""
ARTIFACT_FOLDER = ".penstock"
"""The folder, in its component's, where a deployment's job finds its artifact."""


def checkout_of(plan: Plan, component: PlannedComponent | None = None) -> Checkout:
    """The source of the jobs of a component, or of those that see the whole tree."""
    change = plan.change
    return Checkout(
        snapshot=plan.snapshot,
        forge=change.forge,
        repository=change.repository,
        ref=change.ref,
        before=change.before,
        sha=plan.merge or change.sha,
        pull_request=change.pull_request,
        committed_at=plan.committed_at,
        history=plan.history,
        inputs=component.inputs if component else (),
    )


def build_job(plan: Plan, position: int) -> Job:
    """The job that builds the component at that position.

    Raises ValueError if the component has nothing to build.
    """
    component = plan.components[position]
    if component.build is None:
        raise ValueError(f"{component.name} has nothing to build")
    return Job(
        job_id=build_job_id(plan, position),
        trust=plan.trust,
        owner=BUILD_SERVICE,
        record=plan.flow_id,
        position=position,
        name=BUILD,
        component=component.name,
        run=component.build.run,
        workdir=component.path,
        source=checkout_of(plan, component),
        outputs=_artifact(component),
        variables=component.build.env,
        secrets=component.build.secrets,
        timeout=component.build.timeout,
        prepare=plan.preparation_for(component.name) if component.build.prepared else None,
        cache=component.build.cache,
    )


def build_job_id(plan: Plan, position: int) -> str:
    """The id of the job that builds the component at that position."""
    return job_id_for(plan.flow_id, BUILD_SERVICE, plan.components[position].name)


def gate_job(plan: Plan, position: int, tried: int = 1) -> Job:
    """The job of the first, second, ... try of the gate at that position."""
    gate = plan.gates[position]
    job_id = gate_job_id(plan, position, tried)
    return Job(
        job_id=job_id,
        trust=plan.trust,
        owner=TEST_SERVICE,
        record=test_run_key(plan.flow_id, gate.after),
        position=position,
        name=gate.name,
        component=gate.component,
        environment=gate.after,
        run=gate.run,
        workdir=gate.workdir,
        source=_source_of(plan, gate),
        outputs=(*_reports(plan, job_id, gate), *_artifacts(plan, job_id, gate)),
        variables={**environment_variables(plan, gate), **gate.env},
        secrets=gate.secrets,
        timeout=gate.timeout,
        prepare=plan.preparation_for(gate.component) if gate.prepared else None,
        cache=gate.cache,
    )


def test_run_key(flow_id: str, environment: str | None) -> str:
    """The key of the record of a flow's gates, or of those that follow a deployment."""
    return f"{flow_id}.{environment}" if environment else flow_id


def environment_variables(plan: Plan, gate: PlannedGate) -> dict[str, str]:
    """What a gate that follows a deployment is told of the environment: its stage, and the outputs
    of what is deployed there, of its own component and of those that it depends on, or of all.
    """
    staging = plan.release.staging if plan.release else None
    if gate.after is None or staging is None:
        return {}
    own = plan.component(gate.component) if gate.component else None
    names = {own.name, *own.depends_on} if own else None
    outputs = {
        output_variable(component.name, output): value
        for component in plan.components
        if component.deploy and (names is None or component.name in names)
        for output, value in component.deploy.outputs(staging.stage).items()
    }
    return {"PENSTOCK_STAGE": staging.stage, **outputs}


def output_variable(component: str, output: str) -> str:
    """The variable that tells an output of a component, for example `ORDERS_FUNCTION`."""
    return f"{component.upper().replace('-', '_')}_{output}"


def gate_job_id(plan: Plan, position: int, tried: int) -> str:
    """The id of the job of that try of the gate at that position."""
    gate = plan.gates[position]
    variant = [gate.variant] if gate.variant else []
    name = (gate.name, gate.component or "", *variant, str(tried))
    return job_id_for(plan.flow_id, TEST_SERVICE, *name)


def _source_of(plan: Plan, gate: PlannedGate) -> Checkout:
    component = plan.component(gate.component) if gate.component else None
    source = checkout_of(plan, component)
    return source if gate.inputs is None else source.model_copy(update={"inputs": gate.inputs})


@dataclass(frozen=True)
class DeploymentCommand:
    """A command of a deployment; `direction` names its job, and `position` is the component's
    number in the deployment. The command finds `artifact` at `PENSTOCK_ARTIFACT`.
    """

    flow_id: str
    trust: Trust
    deployment_id: str
    component: PlannedComponent
    position: int
    direction: str
    environment: str
    token: int
    source: Checkout
    run: str
    artifact: ObjectRef | None
    variables: dict[str, str]
    secrets: dict[str, str]
    timeout: int
    despite_stop: bool = False


def deployment_job(command: DeploymentCommand) -> Job:
    """The job that runs a deployment's command."""
    component, record = command.component, command.deployment_id
    path = _artifact_path(command.artifact)
    return Job(
        job_id=deployment_job_id(command.flow_id, record, component.name, command.direction),
        trust=command.trust,
        owner=DEPLOY_SERVICE,
        record=record,
        position=command.position,
        name=command.direction,
        component=component.name,
        environment=command.environment,
        token=command.token,
        run=command.run,
        workdir=component.path,
        source=command.source,
        inputs=_input(command.artifact, posixpath.join(component.path, path)),
        variables=command.variables | ({"PENSTOCK_ARTIFACT": path} if path else {}),
        secrets=command.secrets,
        timeout=command.timeout,
        despite_stop=command.despite_stop,
    )


def deployment_job_id(flow_id: str, deployment_id: str, component: str, direction: str) -> str:
    """The id of the job that takes a component in that direction."""
    return job_id_for(flow_id, DEPLOY_SERVICE, deployment_id, component, direction)


def _artifact_path(artifact: ObjectRef | None) -> str:
    return posixpath.join(ARTIFACT_FOLDER, posixpath.basename(artifact.key)) if artifact else ""


def _artifact(component: PlannedComponent) -> tuple[Upload, ...]:
    if component.artifact is None or component.build is None:
        return ()
    path, key = component.build.artifact, component.artifact.key
    return (Upload(name=component.name, path=path, key=key),)


def _reports(plan: Plan, job_id: str, gate: PlannedGate) -> tuple[Upload, ...]:
    return tuple(
        Upload(
            name=report_name(number),
            path=report.path,
            key=_left_behind(plan, job_id, f"{report_name(number)}-{report.kind}"),
            content_type="text/plain",
        )
        for number, report in enumerate(gate.reports)
    )


def report_name(number: int) -> str:
    """The name of the output that is the gate's report of that number."""
    return f"report-{number}"


def artifact_name(number: int) -> str:
    """The name of the output that is the gate's artifact of that number."""
    return f"artifact-{number}"


def _artifacts(plan: Plan, job_id: str, gate: PlannedGate) -> tuple[Upload, ...]:
    """What the gate leaves for people: a gate that fails before it made one still fails with its
    own reason.
    """
    return tuple(
        Upload(
            name=artifact_name(number),
            path=path,
            key=_left_behind(plan, job_id, artifact_name(number)),
            required=False,
        )
        for number, path in enumerate(gate.artifacts)
    )


def _left_behind(plan: Plan, job_id: str, name: str) -> str:
    return object_key(ObjectKind.REPORT, plan.trust, f"{plan.flow_id}/{job_id}/{name}")


def _input(artifact: ObjectRef | None, path: str) -> tuple[Download, ...]:
    if artifact is None:
        return ()
    key, sha256 = artifact.key, artifact.sha256
    return (Download(key=key, sha256=sha256, path=posixpath.normpath(path)),)
