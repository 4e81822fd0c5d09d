"""C1: the file that a branch brings along says what the branch may do.

The attack: a feature branch wrote `branches: {"**": release}` and `bake: 0s` into its own
`penstock.yml`. It went to production, past main's protection and the bake.
"""

import pytest

from build_service.domain.build import BuildState
from penstock_shared.contracts.events import BuildCompleted, FlowFailed, JobRequested
from penstock_shared.contracts.registration import Allowance
from tests.unit.build_service.registered import a_registry
from tests.unit.build_service.test_building import FakeBuild

CONFIGURATION = """\
version: 1
components:
  app: {path: app, build: {run: make}, deploy: {driver: command, run: make deploy}}
environments: {staging: {}, production: {}}
release:
  from: staging
  to: production
  bake: 0s
branches:
  "**": release
"""


def built(ref: str, configuration: str = CONFIGURATION, **allowed: object) -> FakeBuild:
    """What became of a push of this file to this ref."""
    fake = FakeBuild(files={"penstock.yml": configuration, "app/a": "a"})
    fake.registry = a_registry(allowance=Allowance.model_validate(allowed))
    fake.start(ref=ref)
    return fake


def reason(fake: FakeBuild) -> str:
    """Why the flow was refused. Nothing of it was built, tested or deployed."""
    (failed,) = fake.said.only(FlowFailed)
    assert fake.said.only(JobRequested) == []
    assert fake.said.only(BuildCompleted) == []
    assert not [key for key in fake.objects.client.objects if key.startswith("plans/")]
    return failed.reason


@pytest.mark.parametrize(
    "ref", ["refs/heads/feature", "refs/heads/main/x", "refs/heads/Main", "refs/heads/x/main"]
)
def test_a_branch_that_is_not_protected_does_not_release_itself(ref: str) -> None:
    refused = reason(built(ref))

    assert refused.startswith("penstock.yml:10: branches.**: ")
    assert "may not release" in refused


def test_a_protected_branch_releases() -> None:
    fake = built("refs/heads/main")

    assert fake.said.only(FlowFailed) == []
    known = fake.records.get(fake.said.said[0].subject)
    assert known
    assert known.state is BuildState.BUILDING


def test_the_registration_says_which_branches_are_protected() -> None:
    assert "may not release" in reason(built("refs/heads/main", protected=["refs/heads/live"]))
    assert built("refs/heads/live", protected=["refs/heads/live"]).said.only(FlowFailed) == []


def test_a_branch_without_rules_of_its_own_does_not_release_either() -> None:
    silent = CONFIGURATION[: CONFIGURATION.index("branches:")]

    assert "may not release" in reason(
        built("refs/heads/main", silent, protected=["refs/heads/live"])
    )


@pytest.mark.parametrize("ref", ["refs/heads/main", "refs/heads/feature"])
@pytest.mark.parametrize(
    ("allowed", "line"),
    [
        ({"least_bake": 7200}, "penstock.yml:8: release.bake: is 0 s; the registration asks"),
        (
            {"environments": ["staging"]},
            "penstock.yml:4: environments.production: is not for this repository",
        ),
    ],
)
def test_no_file_shortens_the_bake_or_reaches_further_than_its_registration(
    ref: str, allowed: dict[str, object], line: str
) -> None:
    checks = CONFIGURATION.replace('"**": release', 'main: release\n  "**": check')

    assert line in reason(built(ref, checks, **allowed))
