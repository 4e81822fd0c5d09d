"""The stacks in their deployed form, packaged once for all tests of a run."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from filelock import FileLock

from penstock.packaging import (
    Artifact,
    PackagedStack,
    local_target,
    package_services,
    package_stacks,
)
from penstock.project import PROJECT_ROOT, stack_folders


@dataclass(frozen=True)
class Packaged:
    """Everything that `penstock up` deploys."""

    stacks: Mapping[str, PackagedStack]
    artifacts: Mapping[str, Artifact]

    def template(self, stack: str) -> dict[str, Any]:
        return dict(json.loads(self.stacks[stack].template.read_text()))

    def resources(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """All resources of a CloudFormation type, each as `stack.LogicalId` and its definition."""
        for stack in self.stacks:
            for name, resource in self.template(stack)["Resources"].items():
                if resource["Type"] == kind:
                    yield f"{stack}.{name}", resource


@pytest.fixture(scope="session")
def packaged() -> Packaged:
    target, folders = local_target(), stack_folders()
    # The workers of a test run share the folder, also with a `penstock up` at the same time.
    with FileLock(PROJECT_ROOT / ".build" / "tests.lock"):
        artifacts = package_services(target, folders)
        stacks = package_stacks(folders, artifacts, target, "local")
    return Packaged(
        {stack.name: stack for stack in stacks},
        {artifact.service: artifact for artifact in artifacts},
    )
