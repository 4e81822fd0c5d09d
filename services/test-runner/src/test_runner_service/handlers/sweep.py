"""Every few minutes: test runs that wait for too long."""

from typing import Any

from penstock_shared.persistence.sweep import Sweep
from test_runner_service import bootstrap
from test_runner_service.domain.run import overdue


def handler(_event: dict[str, Any], _context: Any) -> dict[str, int]:
    """A schedule's event in, the number of runs that were looked at out."""
    sweep = Sweep(
        bootstrap.records(), bootstrap.telemetry(), overdue, lambda _key, run: run.flow_id
    )
    return {"looked_at": sweep()}
