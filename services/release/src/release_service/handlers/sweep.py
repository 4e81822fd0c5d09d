"""Every few minutes: releases that wait for too long."""

from typing import Any

from release_service import bootstrap


def handler(_event: dict[str, Any], _context: Any) -> dict[str, int]:
    """A schedule's event in, the number of releases that were looked at out."""
    return {"looked_at": bootstrap.sweep_releases()()}
