"""Every few minutes: deployments that wait for too long, and environments that are held."""

from typing import Any

from deployer_service import bootstrap


def handler(_event: dict[str, Any], _context: Any) -> dict[str, int]:
    """A schedule's event in, the number of records that were looked at out."""
    return {"looked_at": bootstrap.sweep()()}
