"""An environment of 500 components: what a deployment says and writes stays small."""

from deployer_service.domain.deployment.model import DeploymentState
from deployer_service.use_cases.record_result import RecordJobs, RecordResults
from penstock_shared.contracts.event import encode
from penstock_shared.contracts.plan import PlannedComponent
from penstock_shared.decisions import Cause
from tests.support.builders import BELIEVED
from tests.unit.deployer_service.world import World, by_command

COMPONENTS, LAYERS = 500, 10
WIDTH = COMPONENTS // LAYERS
LARGEST_MESSAGE = 100_000
"""Bytes."""


def layered(content: str) -> list[PlannedComponent]:
    """Ten layers; each component depends on two of the layer before its own."""
    return [
        by_command(f"c{number:03}", *_dependencies(number), content=content)
        for number in range(COMPONENTS)
    ]


def _dependencies(number: int) -> list[str]:
    above, column = number - WIDTH, number % WIDTH
    if above < 0:
        return []
    return [f"c{above:03}", f"c{above - column + (column + 1) % WIDTH:03}"]


def test_500_components_are_deployed_and_taken_back_in_small_messages() -> None:
    world = World()
    world.release(good := world.flow(1, *layered("1")))
    world.pass_tests(bad := world.flow(2, *layered("2")))
    world.settle()
    assert set(world.running.of("staging").values()) == {bad.version}

    world.abort(bad)
    world.settle()

    assert set(world.running.of("staging").values()) == {good.version}
    assert len(world.running.of("staging")) == COMPONENTS
    assert world.state(bad) is DeploymentState.ROLLED_BACK
    assert max(len(encode(event)) for event in world.publisher.said) < LARGEST_MESSAGE


def test_results_that_come_together_are_one_write() -> None:
    world = World()
    world.pass_tests(flow := world.flow(1, *layered("1")))
    world.take_in()
    layer, world.jobs = world.jobs, []
    before = world.store.get(flow.deployment())

    finished = [world.finished(world.runner(job), job) for job in layer]
    RecordJobs(RecordResults(world.ledger), BELIEVED)(finished, Cause.of(finished[0]))

    after = world.store.get(flow.deployment())
    assert before
    assert after
    assert after.version == before.version + 1
    world.take_in()
    assert len(world.jobs) == WIDTH
