"""What a push would do is told before it is done, with what differs from what succeeded."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from build_service.adapters.forges import FORGES
from build_service.domain.build import Build, BuildState
from build_service.domain.errors import SourceUnavailableError
from build_service.domain.planning import artifact_memo_key
from build_service.use_cases.preview_plan import PreviewPlan
from build_service.use_cases.registered_planner import RegisteredPlanner
from penstock_shared.contracts.change import Forge, Intent, Trust
from penstock_shared.contracts.plan import Plan
from penstock_shared.contracts.preview import PreviewAnswer, PreviewedComponent, PreviewRequest
from penstock_shared.decisions import Write
from penstock_shared.persistence.outbox import Records
from penstock_shared.plans import Plans
from penstock_shared.testing.fakes import FakeClock, InMemoryMemo, fake_records
from tests.support.builders import FLOW_ID, SHA, a_cause, a_change
from tests.support.objects import a_bucket
from tests.unit.build_service.registered import a_registry
from tests.unit.build_service.sources import FakeSourceRepository, a_planner, a_tree

FILES = {
    "penstock.yml": """\
version: 1
components:
  app:
    path: app
    watch: [libs]
    build: {run: make, artifact: app.zip}
    deploy: {driver: command, run: "ship"}
  docs: {path: docs}
gates:
  unit: {run: test}
  audit: {run: audit, scope: repository}
environments: {staging: , production: }
release: {from: staging, to: production}
""",
    "app/a": "1",
    "docs/d": "1",
    "libs/l": "1",
}


@dataclass
class FakePreviews:
    """Previews of acme/shop, and flows that have a plan already."""

    files: dict[str, str] = field(default_factory=lambda: dict(FILES))
    raises: Exception | None = None

    def __post_init__(self) -> None:
        clock = FakeClock()
        self.objects = a_bucket()
        self.records: Records[Build] = fake_records(clock=clock)
        self.plans, self.memo, self.clock = Plans(self.objects), InMemoryMemo(), clock

    def planner(self) -> RegisteredPlanner:
        sources = FakeSourceRepository(a_tree(self.files), self.raises)
        return RegisteredPlanner(a_registry().lookup(), a_planner(sources, self.objects), FORGES)

    def ask(self, **given: Any) -> PreviewAnswer:
        preview = PreviewPlan(self.records, self.planner(), self.plans, self.memo, self.clock)
        asked = {"forge": Forge.GITHUB, "full_name": "acme/shop", "ref": "refs/heads/main"}
        return preview(PreviewRequest(**{**asked, "sha": SHA, "since": FLOW_ID, **given}))

    def succeed(self) -> Plan:
        """A flow of what is there has succeeded."""
        plan = self.planner().draft(FLOW_ID, a_change()).plan
        done = Build(
            flow_id=FLOW_ID,
            state=BuildState.COMPLETED,
            change=plan.change,
            plan=self.plans.store(plan),
        )
        self.records.change(FLOW_ID, a_cause(), lambda _known: Write(done))
        key = artifact_memo_key(plan.change, plan.component("app"))
        self.memo.remember(plan.trust, {key: {"flow_id": FLOW_ID}})
        return plan


@pytest.fixture
def fake() -> FakePreviews:
    return FakePreviews()


def component(answer: PreviewAnswer, name: str) -> PreviewedComponent:
    return next(one for one in answer.components if one.name == name)


def running(answer: PreviewAnswer) -> set[str]:
    return {gate.label for gate in answer.gates if gate.runs}


def test_the_first_push_does_everything(fake: FakePreviews) -> None:
    answer = fake.ask()

    assert (answer.trust, answer.intent) == (Trust.RELEASE, Intent.RELEASE)
    assert answer.environments == ("staging", "production")
    assert component(answer, "app").builds
    assert component(answer, "app").deploys
    assert running(answer) == {"unit (app)", "unit (docs)", "audit"}


def test_what_is_as_in_the_flow_that_succeeded_is_not_done_again(fake: FakePreviews) -> None:
    fake.succeed()

    answer = fake.ask()

    app = component(answer, "app")
    assert (app.builds, app.deploys, app.differs) == (False, False, ())
    assert app.reason == f"unchanged since flow {FLOW_ID}"
    assert running(answer) == set()


@pytest.mark.parametrize(
    ("changes", "differs"),
    [
        ({"app/a": "2"}, ("app",)),
        ({"libs/l": "2"}, ("libs",)),
        ({"conftest.py": "new"}, ("conftest.py (is an input now)",)),
        (
            {"penstock.yml": FILES["penstock.yml"].replace("run: make", "run: make all")},
            ("penstock.yml: components.app.build",),
        ),
        (
            {"penstock.yml": FILES["penstock.yml"].replace("watch: [libs]", "watch: [docs]")},
            ("docs (is an input now)", "libs (is no input any more)"),
        ),
        (
            {"penstock.yml": FILES["penstock.yml"].replace('"ship"', '"ship it"')},
            ("penstock.yml: components.app.deploy",),
        ),
    ],
)
def test_what_differs_is_named(
    fake: FakePreviews, changes: dict[str, str], differs: tuple[str, ...]
) -> None:
    fake.succeed()
    fake.files |= changes

    app = component(fake.ask(), "app")

    assert app.differs == differs
    assert app.deploys


def test_a_flow_of_another_repository_is_nothing_to_compare_with(fake: FakePreviews) -> None:
    plan = fake.succeed()
    other = a_change(repository="acme/bank")
    done = Build(
        flow_id="f" * 20, state=BuildState.COMPLETED, change=other, plan=fake.plans.store(plan)
    )
    fake.records.change("f" * 20, a_cause("f" * 20), lambda _known: Write(done))

    assert "unit (app)" in running(fake.ask(since="f" * 20))


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"files": {}}, "there is no penstock.yml at the root of acme/shop"),
        ({"files": {"penstock.yml": "version: 2"}}, "penstock.yml:1: version"),
        ({"raises": SourceUnavailableError("the server is down")}, "the server is down"),
    ],
)
def test_what_cannot_be_planned_says_why(given: dict[str, Any], reason: str) -> None:
    assert reason in FakePreviews(**given).ask().refusal


def test_a_repository_without_the_file_is_read_into_a_check() -> None:
    fake = FakePreviews(files={"orders/pyproject.toml": "", "orders/test_orders.py": ""})

    answer = fake.ask()

    assert (answer.trust, answer.intent) == (Trust.RELEASE, Intent.CHECK)
    assert not component(answer, "orders").deploys
    assert running(answer) == {"pytest (orders)"}


def test_a_repository_that_is_not_registered_is_named(fake: FakePreviews) -> None:
    assert "acme/bank of github is not registered" in fake.ask(full_name="acme/bank").refusal


def test_a_preview_starts_no_flow(fake: FakePreviews) -> None:
    fake.ask()

    assert set(fake.objects.client.objects) == {
        key for key in fake.objects.client.objects if key.startswith("snapshots/")
    }
