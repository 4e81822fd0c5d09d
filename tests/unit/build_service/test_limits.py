"""The largest flow that is allowed is small wherever AWS has a limit; a larger one is refused."""

from typing import Any

import pytest

from build_service.adapters.forges import FORGES
from build_service.domain.build import Build
from build_service.domain.errors import BuildError
from build_service.domain.limits import JOB_BYTES, check_limits
from build_service.use_cases.keep_order import KeepOrder
from build_service.use_cases.record_job import RecordBuildJob
from build_service.use_cases.registered_planner import RegisteredPlanner
from build_service.use_cases.start_build import StartBuild
from penstock_shared.configuration.gate_rules import MOST_GATE_JOBS
from penstock_shared.configuration.model import MOST_COMPONENTS
from penstock_shared.contracts.drivers.command import CommandDeploy
from penstock_shared.contracts.drivers.function import LambdaDeploy
from penstock_shared.contracts.event import Event, EventData, encode
from penstock_shared.contracts.events import (
    BuildCompleted,
    BuildRequested,
    JobFinished,
    JobRequested,
    TestsPassed,
)
from penstock_shared.contracts.jobs import Job
from penstock_shared.contracts.plan import BuildRecipe
from penstock_shared.jobs import gate_job
from penstock_shared.persistence.outbox import Records
from penstock_shared.plans import Plans, load_plan
from penstock_shared.testing.fakes import FakeClock, InMemoryMemo, RecordingPublisher, fake_records
from tests.support.builders import (
    BELIEVED,
    FLOW_ID,
    PROOFS,
    a_cause,
    a_change,
    a_component,
    a_gate,
    a_plan,
    a_result,
    an_event,
    an_output,
    finished,
)
from tests.support.objects import a_bucket
from tests.unit.build_service.registered import a_registry
from tests.unit.build_service.sources import FakeSourceRepository, a_planner, a_tree

MOST_BYTES = 100_000
"""Of an item and of a message; AWS takes 400 KB and 256 KiB."""
GATES = MOST_GATE_JOBS // MOST_COMPONENTS


def the_largest_file() -> str:
    """The most components and gates, with the longest names and the most variables."""
    names = [f"{number:04d}".ljust(63, "c") for number in range(MOST_COMPONENTS)]
    components = "".join(
        f"  {name}: {{path: app, depends_on: [{before}], build: {{run: make, artifact: a.zip}}}}\n"
        for before, name in zip(["", *names], names, strict=False)
    )
    gates = "".join(f"  gate-{number}: {{run: 'true'}}\n" for number in range(GATES))
    return f"version: 1\ncomponents:\n{components}gates:\n{gates}"


def weight(data: EventData) -> int:
    return len(encode(an_event(data)).encode())


def a_large_end_of(job: Job) -> Event[JobFinished]:
    result = a_result(
        job.job_id,
        position=job.position,
        component=job.component,
        outputs=(an_output(job.outputs[0].name, job.outputs[0].key),),
        command="c" * 4000,
        tail="t" * 4000,
        reason="r" * 4000,
    )
    return an_event(finished(result))


def test_the_largest_flow_stays_small_in_every_message_and_record() -> None:
    clock, objects, memo = FakeClock(), a_bucket(), InMemoryMemo()
    records: Records[Build] = fake_records(clock=clock)
    plans = Plans(objects)
    sources = FakeSourceRepository(a_tree({"penstock.yml": the_largest_file(), "app/a": "a"}))
    change = a_change(message="m" * 2000, author="a" * 200, repository="r" * 200, ref="f" * 500)

    order = KeepOrder(fake_records(clock=clock))
    registry = a_registry(full_name="r" * 200).lookup()
    planner = RegisteredPlanner(registry, a_planner(sources, objects), FORGES)
    start = StartBuild(records, planner, plans, memo, order, PROOFS, clock)
    start(an_event(BuildRequested(change=change)), a_cause())
    said = records.publisher
    assert isinstance(said, RecordingPublisher)
    record = RecordBuildJob(records, plans, memo, BELIEVED, clock)
    told: list[Event[JobFinished]] = []
    while len(told) < len(jobs := said.only(JobRequested)):
        ended = [a_large_end_of(request.job) for request in jobs[len(told) :]]
        record(ended, a_cause())
        told += ended

    plan = load_plan(objects, said.only(BuildCompleted)[0].flow.plan)
    assert (len(plan.components), len(plan.gates)) == (MOST_COMPONENTS, MOST_GATE_JOBS)
    passed = TestsPassed(
        flow=said.only(BuildCompleted)[0].flow, reused=tuple(range(len(plan.gates)))
    )
    events = [passed, *(event.data for event in [*said.said, *told])]
    gates = [PROOFS.request(FLOW_ID, gate_job(plan, number)) for number in range(len(plan.gates))]
    assert max(map(weight, [*events, *gates])) < MOST_BYTES
    stored = records.store.get(FLOW_ID)
    assert stored
    assert len(stored.record.model_dump_json()) < MOST_BYTES


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (
            {"components": (a_component(build=BuildRecipe(run="x" * JOB_BYTES)),)},
            "penstock.yml: components.orders.build: its job weighs 48,",
        ),
        (
            {"components": (a_component(deploy=CommandDeploy(run="x" * (JOB_BYTES + 1))),)},
            "penstock.yml: components.orders.deploy.run: its job weighs 48,001 bytes",
        ),
        (
            {
                "components": (
                    *(
                        a_component(f"f-{number}", deploy=LambdaDeploy(function=f"f-{number}"))
                        for number in range(999)
                    ),
                    a_component(
                        depends_on=tuple(f"f-{number}" for number in range(999)),
                        deploy=CommandDeploy(run="deploy"),
                    ),
                )
            },
            "penstock.yml: components.orders.deploy.run: its job weighs 9",
        ),
        (
            {"gates": (a_gate("unit", env={"A": "x" * JOB_BYTES}),)},
            "penstock.yml: gates.unit: its job for orders weighs 48,",
        ),
        (
            {"gates": tuple(a_gate(f"g-{number}", run="x" * 45_000) for number in range(400))},
            "penstock.yml: the plan of 1 components and 400 gates weighs 18,",
        ),
    ],
)
def test_a_plan_beyond_a_limit_is_refused_by_the_limit_s_name(
    given: dict[str, Any], reason: str
) -> None:
    with pytest.raises(BuildError) as refused:
        check_limits(a_plan(**given))

    assert str(refused.value).startswith(reason)
    assert "the limit" in str(refused.value)
