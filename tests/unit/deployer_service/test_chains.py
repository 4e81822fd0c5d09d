"""Components in a line: however long it is, a flow ends, and leaves nothing held or half done."""

from collections.abc import Callable

import pytest

from deployer_service.domain.deployment.model import DeploymentState
from penstock_shared.contracts.plan import PlannedComponent
from tests.unit.deployer_service.world import Flow, World, by_command, by_lambda

LENGTHS = (6, 12, 16, 60)
ByDriver = Callable[..., PlannedComponent]

length = pytest.mark.parametrize("length", LENGTHS)
driver = pytest.mark.parametrize("driver", [by_command, by_lambda])
bake = pytest.mark.parametrize("staging", [True, False], ids=["through-staging", "straight"])


def name(number: int) -> str:
    return f"c{number:02}"


def a_line(driver: ByDriver, length: int, content: str) -> list[PlannedComponent]:
    """The first depends on nothing, each other one on the one before it."""
    return [
        driver(name(number), *([name(number - 1)] if number else []), content=content)
        for number in range(length)
    ]


class Line:
    """A world in which one flow has brought a line of components everywhere, and the next comes."""

    def __init__(self, driver: ByDriver, length: int, *, staging: bool = True) -> None:
        self.world = World()
        self.length = length
        self.places = ["staging", "production"] if staging else ["production"]
        self.old = self.world.flow(1, *a_line(driver, length, "1"), staging=staging)
        self.new = self.world.flow(2, *a_line(driver, length, "2"), staging=staging)
        self.world.release(self.old)

    def fail_at_the_last(self) -> None:
        last = name(self.length - 1)
        self.world.runner.fails.add((last, "deploy"))
        self.world.functions.fails.add(last)

    def runs(self, flow: Flow) -> dict[str, str]:
        return {name(number): flow.version for number in range(self.length)}

    def check(self, state: DeploymentState, **runs: Flow) -> None:
        """Nothing is held, and the records say what really runs. `runs` by environment."""
        for place, flow in runs.items():
            assert self.world.running.of(place) == self.runs(flow)
            environment = self.world.environment(place)
            assert (environment.holder, environment.waiting) == (None, ())
            written = {
                name: known.current.version
                for name, known in environment.components.items()
                if known.current
            }
            assert written == self.runs(flow)
        assert self.world.state(self.new, self.places[-1]) in (state, None)


@length
@driver
@bake
def test_a_line_that_succeeds_runs_everywhere(
    driver: ByDriver, length: int, *, staging: bool
) -> None:
    line = Line(driver, length, staging=staging)

    line.world.release(line.new)

    line.check(DeploymentState.DONE, **dict.fromkeys(line.places, line.new))


@length
@driver
def test_a_line_whose_last_fails_in_staging_goes_back_whole(driver: ByDriver, length: int) -> None:
    line = Line(driver, length)
    line.fail_at_the_last()

    line.world.pass_tests(line.new)
    line.world.settle()

    assert line.world.state(line.new) is DeploymentState.ROLLED_BACK
    line.check(DeploymentState.STOPPED, staging=line.old, production=line.old)


@length
@driver
@bake
def test_a_line_whose_last_fails_in_production_goes_back_whole(
    driver: ByDriver, length: int, *, staging: bool
) -> None:
    line = Line(driver, length, staging=staging)
    if staging:
        line.world.pass_tests(line.new)
        line.world.settle()
    line.fail_at_the_last()

    start = line.world.promote if staging else line.world.pass_tests
    start(line.new)
    line.world.settle()

    line.check(DeploymentState.ROLLED_BACK, **dict.fromkeys(line.places, line.old))


@length
@driver
@bake
def test_a_line_that_is_aborted_halfway_goes_back_as_far_as_it_came(
    driver: ByDriver, length: int, *, staging: bool
) -> None:
    line = Line(driver, length, staging=staging)
    line.world.pass_tests(line.new)
    for number in range(length // 2):
        line.world.run_jobs(name(number))
        line.world.run_one_step()

    line.world.abort(line.new)
    line.world.settle()

    line.check(
        DeploymentState.STOPPED if staging else DeploymentState.ROLLED_BACK,
        **dict.fromkeys(line.places, line.old),
    )


@length
@driver
def test_a_line_that_is_aborted_while_it_bakes_goes_back_whole(
    driver: ByDriver, length: int
) -> None:
    line = Line(driver, length)
    line.world.pass_tests(line.new)
    line.world.settle()
    assert line.world.running.of("staging") == line.runs(line.new)

    line.world.abort(line.new)
    line.world.settle()

    line.check(DeploymentState.STOPPED, staging=line.old, production=line.old)


@length
@driver
def test_a_line_that_is_aborted_in_production_goes_back_everywhere(
    driver: ByDriver, length: int
) -> None:
    line = Line(driver, length)
    line.world.pass_tests(line.new)
    line.world.settle()
    line.world.promote(line.new)
    for number in range(length - 1):
        line.world.run_jobs(name(number))
        line.world.run_one_step()

    line.world.abort(line.new)
    line.world.settle()

    line.check(DeploymentState.ROLLED_BACK, staging=line.old, production=line.old)
