"""Components in a line, each of which depends on the one before: every ending, by real pushes.

Each deployment prints what its component runs from then on, so that the truth is read from the
logs of the commands, and not from Penstock's records. PENSTOCK_TEST_LINES names other lengths.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from tests.support.product import Product, Repository, eventually

LENGTHS = [int(length) for length in os.environ.get("PENSTOCK_TEST_LINES", "6").split(",")]
PATIENCE = 120.0
SAY = "echo WORLD $PENSTOCK_ENVIRONMENT $PENSTOCK_COMPONENT $(cat version)"
FILE = """\
version: 1
components:
%(components)s
environments: {staging: {}, production: {}}
release: {from: staging, to: production, bake: %(bake)s}
"""
COMPONENT = """\
  %(name)s:
    path: %(name)s
    depends_on: [%(before)s]
    deploy:
      driver: command
      run: |
        %(say)s
        if test -e waits-in-$PENSTOCK_ENVIRONMENT; then sleep 60; fi
        test ! -e fails-in-$PENSTOCK_ENVIRONMENT
      rollback: '%(say)s'
"""


@dataclass
class Line:
    """A repository with a line of components, and what its commands have said."""

    product: Product
    repository: Repository
    length: int
    flows: list[str] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        return [f"c{number:02}" for number in range(self.length)]

    def push(self, version: str, bake: str = "0s", marks: Mapping[str, str] | None = None) -> str:
        """Push a version of every component. `marks` are files, by name, and whose they are."""
        befores = ["", *self.names]
        components = "".join(
            COMPONENT % {"name": name, "before": before, "say": SAY}
            for name, before in zip(self.names, befores, strict=False)
        )
        files = {"penstock.yml": FILE % {"components": components, "bake": bake}}
        files |= {f"{name}/version": version for name in self.names}
        files |= {f"{owner}/{mark}": version for mark, owner in (marks or {}).items()}
        self.flows.append(self.repository.push(files))
        return self.flows[-1]

    def heal(self) -> None:
        """Take all marks away."""
        self.repository.work.git("rm", "-q", "--ignore-unmatch", "*/fails-in-*", "*/waits-in-*")

    def world(self) -> dict[tuple[str, str], str]:
        """The version that each component runs in each environment."""
        said: list[tuple[int, list[str]]] = []
        logs = self.product.stack.client("logs")
        group = f"/penstock/{self.product.stack.stage}/jobs"
        for flow_id in self.flows:
            pages = logs.get_paginator("filter_log_events").paginate(
                logGroupName=group, logStreamNamePrefix=f"{flow_id}/"
            )
            said += [
                (event["timestamp"], event["message"].split()[1:])
                for page in pages
                for event in page["events"]
                if event["message"].startswith("WORLD ")
            ]
        return {(where, name): version for _, (where, name, version) in sorted(said)}

    def runs(self, version: str) -> bool:
        """Whether every component runs this version in both environments."""
        wanted = {
            (where, name): version for where in ("staging", "production") for name in self.names
        }
        return self.world() == wanted

    def becomes(self, version: str) -> None:
        eventually(lambda: self.runs(version), f"everything to run {version}", PATIENCE)

    def fail_in(self, environment: str, bake: str) -> None:
        """Push what fails at the last component in that environment."""
        mark = {f"fails-in-{environment}": self.names[-1]}
        flow_id = self.push(f"bad-{environment}-{bake}", bake, mark)
        self.product.await_state(flow_id, "failed", patience=PATIENCE)

    def abort_in(self, environment: str, bake: str) -> None:
        """Push, and abort while the component in the middle is being deployed there."""
        middle, version = self.names[self.length // 2], f"stopped-{environment}-{bake}"
        flow_id = self.push(version, bake, {f"waits-in-{environment}": middle})
        eventually(
            lambda: self.world().get((environment, middle)) == version, "the middle", PATIENCE
        )
        self.product.say("abort-release", {"flow_id": flow_id, "reason": "no good"})
        self.product.await_state(flow_id, "aborted", patience=PATIENCE)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("length", LENGTHS)
def test_all_run_what_their_flow_says(
    product: Product, repository: Repository, length: int
) -> None:
    line = Line(product, repository, length)
    product.await_state(line.push("one"), "succeeded", patience=PATIENCE)
    line.becomes("one")
    product.await_state(line.push("two", bake="1s"), "succeeded", patience=PATIENCE)
    line.becomes("two")

    for environment in ("staging", "production"):
        for bake in ("0s", "1s"):
            for happens in (line.fail_in, line.abort_in):
                happens(environment, bake)
                line.becomes("two")
                line.heal()

    product.await_state(line.push("three"), "succeeded", patience=PATIENCE)
    line.becomes("three")
