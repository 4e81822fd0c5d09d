"""Components in a line, each of which depends on the one before: every ending, by real pushes.

Each deployment prints what its component runs from then on, so that the truth is read from the
logs of the commands, and not from Penstock's records. PENSTOCK_TEST_LINES names other lengths.
"""

import os
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
      run: '%(say)s; test ! -e fails-in-$PENSTOCK_ENVIRONMENT'
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

    def push(self, version: str, bake: str = "0s", fails_in: str = "") -> str:
        """Push a version of every component; in that environment the last one fails."""
        befores = ["", *self.names]
        components = "".join(
            COMPONENT % {"name": name, "before": before, "say": SAY}
            for name, before in zip(self.names, befores, strict=False)
        )
        files = {"penstock.yml": FILE % {"components": components, "bake": bake}}
        files |= {f"{name}/version": version for name in self.names}
        if fails_in:
            files[f"{self.names[-1]}/fails-in-{fails_in}"] = version
        self.flows.append(self.repository.push(files))
        return self.flows[-1]

    def heal(self) -> None:
        """Take away what makes the last component fail."""
        last = self.names[-1]
        self.repository.work.git("rm", "-q", "--ignore-unmatch", "-r", f"{last}/fails-in-staging")
        self.repository.work.git("rm", "-q", "--ignore-unmatch", f"{last}/fails-in-production")

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

    def abort_in(self, environment: str, flow_id: str, version: str) -> None:
        """Abort the flow once the middle of the line has its version in the environment."""
        middle = (environment, self.names[self.length // 2])
        eventually(lambda: self.world().get(middle) == version, f"{middle} to change", PATIENCE)
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
            failing = line.push(f"bad-{environment}-{bake}", bake, fails_in=environment)
            product.await_state(failing, "failed", patience=PATIENCE)
            line.becomes("two")
            line.heal()

            version = f"stopped-{environment}-{bake}"
            line.abort_in(environment, line.push(version, bake), version)
            line.becomes("two")

    product.await_state(line.push("three"), "succeeded", patience=PATIENCE)
    line.becomes("three")
