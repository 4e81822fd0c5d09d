"""An emulator for the deployer's tests, with a role for the functions that it deploys."""

import json
import os
from collections.abc import Iterator

import pytest

from penstock.embedded.home import Home
from penstock.project import EMULATOR_PYTHON
from tests.integration.deployer.cloud import ROLE, Cloud
from tests.integration.deployer.service import Service, forget_everything
from tests.support.emulator import OwnEmulator


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "integration/deployer" in item.path.as_posix():
            item.add_marker(pytest.mark.integration)


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnEmulator]:
    if not EMULATOR_PYTHON.exists():
        missing = f"there is no emulator at {EMULATOR_PYTHON}: run make setup"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    own = OwnEmulator(Home(tmp_path_factory.mktemp("deployer"))).start()
    trusts_lambda = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    own.client("iam").create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(trusts_lambda))
    yield own
    own.stop()


@pytest.fixture
def cloud(emulator: OwnEmulator) -> Cloud:
    return Cloud(emulator)


@pytest.fixture
def service(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    running = Service(cloud)
    running.start(monkeypatch)
    yield running
    forget_everything()
