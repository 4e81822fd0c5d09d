"""A penstock.yml that goes beyond what its repository's registration allows is refused."""

from typing import Any

import pytest

from build_service.adapters.forges import FORGES
from build_service.domain.allowance import widened
from build_service.use_cases.registered_planner import RegisteredPlanner
from penstock_shared.configuration import (
    InvalidConfigurationError,
    read_configuration,
    refuse_places,
)
from penstock_shared.contracts.registration import Allowance
from tests.support.builders import FLOW_ID, a_change
from tests.support.objects import a_bucket
from tests.unit.build_service.registered import a_registry
from tests.unit.build_service.sources import FakeSourceRepository, a_planner, a_tree

FILE = """\
version: 1
components:
  app:
    build: {preset: python-lambda}
    deploy: {driver: lambda, function: team-app}
  docs:
    deploy: {driver: command, run: ./publish.sh}
environments:
  staging: {}
  production: {stage: live}
release:
  from: staging
  to: production
  bake: 1h
"""


def mistakes(text: str = FILE, **allowed: Any) -> list[str]:
    allowance = Allowance(**allowed)
    try:
        refuse_places(text, widened(read_configuration(text), allowance))
    except InvalidConfigurationError as error:
        return str(error).splitlines()
    return []


@pytest.mark.parametrize(
    "allowed",
    [
        {},
        {"least_bake": 3600},
        {"deploy_prefix": "team-"},
        {"environments": ("staging", "production", "live")},
    ],
)
def test_what_the_registration_allows_is_not_refused(allowed: dict[str, Any]) -> None:
    assert mistakes(**allowed) == []


@pytest.mark.parametrize(
    ("allowed", "mistake"),
    [
        (
            {"least_bake": 7200},
            "penstock.yml:14: release.bake: is 3600 s; the registration asks for 7200 s or more",
        ),
        (
            {"deploy_prefix": "other-"},
            (
                "penstock.yml:5: components.app.deploy.function: 'team-app' must begin with "
                "'other-', the registration's deploy prefix"
            ),
        ),
        (
            {"environments": ("staging", "li*")},
            (
                "penstock.yml:10: environments.production: is not for this repository: the "
                "registration allows staging and li*"
            ),
        ),
        (
            {"environments": ("staging", "production")},
            (
                "penstock.yml:10: environments.production.stage: 'live' is not for this "
                "repository: the registration allows staging and production"
            ),
        ),
    ],
)
def test_what_goes_beyond_is_refused_with_its_line(allowed: dict[str, Any], mistake: str) -> None:
    assert mistakes(**allowed) == [mistake]


def test_a_bake_by_default_counts_too() -> None:
    text = FILE.replace("  bake: 1h\n", "")

    assert mistakes(text, least_bake=7200) == []
    (mistake,) = mistakes(text, least_bake=7201)
    assert mistake.startswith("penstock.yml:11: release.bake: is 7200 s")


def test_a_release_without_staging_does_not_bake() -> None:
    text = FILE.replace("  from: staging\n", "")

    (mistake,) = mistakes(text, least_bake=1)
    assert mistake.startswith("penstock.yml:11: release: does not bake, because it has no `from`")


def test_a_check_needs_no_bake() -> None:
    text = FILE[: FILE.index("release:")]

    assert mistakes(text, least_bake=7200) == []


def test_a_registration_says_how_many_jobs_run_at_once() -> None:
    sources = FakeSourceRepository(a_tree({"penstock.yml": FILE}))
    registry = a_registry(allowance=Allowance(jobs_at_once=3))

    planner = RegisteredPlanner(registry.lookup(), a_planner(sources, a_bucket()), FORGES)

    assert planner.draft(FLOW_ID, a_change()).plan.jobs_at_once == 3
