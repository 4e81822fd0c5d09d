"""C3: what a check remembers is nothing to a release.

The attack: a pull request changed a component and, with it, a build script that is no input of the
component's key; its artifact and its passed gates were remembered. The next commit took the script
back, and the merge to main showed "unchanged since flow …": production served the backdoor. With a
root `conftest.py` the same turned a failing test into a remembered pass.
"""

import pytest

from penstock_shared.contracts.change import Intent, Trust
from penstock_shared.contracts.events import BuildCompleted, TestsPassed
from penstock_shared.contracts.plan import Plan
from penstock_shared.jobs import gate_job
from penstock_shared.plans import load_plan, store_plan
from tests.support.builders import FLOW_ID, OTHER_FLOW_ID, a_change, a_gate, a_plan
from tests.unit.build_service.test_building import FakeBuild
from tests.unit.test_runner_service.test_gates import FakeTestRunner

LOWER = [Trust.CHECK, Trust.FORK]
MERGED = "e" * 20


def built(fake: FakeBuild, flow_id: str, ref: str) -> Plan:
    """A flow of this ref, whose build jobs succeed as far as there are any."""
    said = len(fake.said.said)
    fake.start(flow_id, ref=ref)
    asked = [event.data.job for event in fake.said.said[said:] if event.type == "job-requested"]  # type: ignore[attr-defined]  # a JobRequested
    if asked:
        fake.finish(*asked)
    completed = fake.said.only(BuildCompleted)[-1]
    return load_plan(fake.objects, completed.flow.plan)


def test_a_release_builds_anew_what_a_check_has_built() -> None:
    fake = FakeBuild()
    checked = built(fake, FLOW_ID, "refs/heads/feature")
    released = built(fake, OTHER_FLOW_ID, "refs/heads/main")

    assert (checked.trust, released.trust) == (Trust.CHECK, Trust.RELEASE)
    for before, after in zip(checked.components, released.components, strict=True):
        assert before.key == after.key
        if after.build:
            assert after.built
            assert after.reason == "its inputs or tools are new"
    app = released.component("app")
    assert app.artifact
    assert app.artifact.key.startswith("artifacts/release/")


def test_a_check_uses_what_a_release_has_built() -> None:
    fake = FakeBuild()
    built(fake, FLOW_ID, "refs/heads/main")
    checked = built(fake, OTHER_FLOW_ID, "refs/heads/feature")

    assert checked.component("app").reason == f"unchanged since flow {FLOW_ID}"


def test_no_object_of_a_check_lies_where_one_of_a_release_does() -> None:
    fake = FakeBuild()
    fake.start(FLOW_ID, ref="refs/heads/feature")
    checked = set(fake.objects.client.objects)
    fake.start(OTHER_FLOW_ID, ref="refs/heads/main")
    released = set(fake.objects.client.objects) - checked

    assert {key.split("/")[1] for key in checked} == {"check"}
    assert {key.split("/")[1] for key in released} == {"release"}


def gates_of(flow_id: str, trust: Trust) -> Plan:
    change = a_change(ref="refs/heads/main")
    return a_plan(
        flow_id,
        change=change,
        trust=trust,
        intent=Intent.RELEASE if trust is Trust.RELEASE else Intent.CHECK,
        gates=(a_gate("unit"),),
    )


def run_gates(fake: FakeTestRunner, plan: Plan) -> None:
    store_plan(fake.objects, plan)
    fake.start_with(plan)


@pytest.mark.parametrize("lower", LOWER)
def test_a_release_runs_the_gates_that_a_lower_trust_has_passed(lower: Trust) -> None:
    fake = FakeTestRunner()
    run_gates(fake, gates_of(FLOW_ID, lower))
    fake.finish(*fake.jobs())
    assert len(fake.said.only(TestsPassed)) == 1

    run_gates(fake, gates_of(MERGED, Trust.RELEASE))

    (_, again) = fake.jobs()
    assert again.job_id == gate_job(gates_of(MERGED, Trust.RELEASE), 0).job_id
    assert len(fake.said.only(TestsPassed)) == 1


@pytest.mark.parametrize("lower", LOWER)
def test_a_lower_trust_does_not_run_the_gates_that_a_release_has_passed(lower: Trust) -> None:
    fake = FakeTestRunner()
    run_gates(fake, gates_of(FLOW_ID, Trust.RELEASE))
    fake.finish(*fake.jobs())

    run_gates(fake, gates_of(MERGED, lower))

    assert [passed.reused for passed in fake.said.only(TestsPassed)] == [(), (0,)]
