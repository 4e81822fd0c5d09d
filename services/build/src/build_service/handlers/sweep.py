"""Every few minutes: builds that wait for too long."""

from typing import Any

from build_service import bootstrap
from build_service.domain.build import overdue
from penstock_shared.persistence.sweep import Sweep


def handler(_event: dict[str, Any], _context: Any) -> dict[str, int]:
    """A schedule's event in, the number of builds that were looked at out."""
    sweep = Sweep(
        bootstrap.records(), bootstrap.telemetry(), overdue, lambda _key, build: build.flow_id
    )
    return {"looked_at": sweep()}
