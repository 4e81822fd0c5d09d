"""Gates of a whole stack: what they need, what they leave, and what proves them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.product import Product, Repository, eventually

CONFIGURATION = """\
version: 1
components:
  app: {path: app}
gates:
  unit:
    run: 'test "$MODE" = fast || test "$MODE" = slow; echo "$MODE" > mode.txt'
    matrix: {MODE: [fast, slow]}
    artifacts: [mode.txt]
  system: {run: test -s code, needs: [unit]}
  audit: {run: exit 3, scope: repository, allow_failure: true, inputs: [README.md]}
"""


def command(home: Path, *arguments: str) -> str:
    """What the command prints, on one line."""
    done = subprocess.run(
        [Path(sys.executable).with_name("penstock"), *arguments],
        env=os.environ | {"PENSTOCK_HOME": str(home), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return " ".join(done.stdout.split())


def test_gates_run_in_order_leave_files_and_are_known_later(
    product: Product, repository: Repository, home: Path, tmp_path: Path
) -> None:
    files = {"penstock.yml": CONFIGURATION, "app/code": "1", "README.md": "read"}
    first = repository.push(files)
    product.await_state(first, "succeeded")
    second = repository.push({"app/code": "2"})
    product.await_state(second, "succeeded")
    third = repository.push({"other": "3"})
    flow = product.await_state(third, "succeeded")

    assert "failed, which is allowed: audit" in command(home, "show", first)
    command(home, "artifacts", first, "--to", str(tmp_path / "to"))
    kept = {path.read_text().strip() for path in (tmp_path / "to").rglob("mode.txt")}
    assert kept == {"fast", "slow"}
    assert command(home, "why", second, "system").endswith(f"not as in flow {first}: app")
    assert f"since flow {second}" in command(home, "why", third, "unit (app, fast)")
    test = json.loads(json.dumps(flow))["phases"][1]
    assert {job["name"] for job in test["jobs"]} == {"audit"}


FOLLOWED = """\
version: 1
components:
  app: {path: app, deploy: {driver: command, run: "true", rollback: "true"}}
gates:
  system:
    run: 'test "$PENSTOCK_ENVIRONMENT" = staging && test "$(cat code)" = good'
    after: deploy
environments: {staging: {}, production: {}}
release: {from: staging, to: production, bake: 0s}
"""


def test_a_release_waits_for_the_gates_that_follow_its_deployment(
    product: Product, repository: Repository
) -> None:
    good = repository.push({"penstock.yml": FOLLOWED, "app/code": "good"})
    flow = product.await_state(good, "succeeded")
    bad = repository.push({"app/code": "bad"})
    product.await_state(bad, "failed")

    staging = flow["phases"][2]
    assert [(job["name"], job["environment"]) for job in staging["jobs"]] == [
        ("deploy", "staging"),
        ("system", "staging"),
    ]

    def rolled_back() -> dict[str, Any] | None:
        found = product.flow(bad)
        return found if found["rollbacks"] else None

    flow = eventually(rolled_back, "staging to be put back")
    assert flow["reason"] == "gate system (app) failed: exit code 1"
    assert [phase["state"] for phase in flow["phases"]][2:] == ["failed", "skipped", "skipped"]
