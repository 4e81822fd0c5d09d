"""The keys of objects in the artifact bucket: `<kind>/<trust>/<path>`.

Roles are limited to kinds and trusts by these prefixes.
"""

from enum import StrEnum

from penstock_shared.contracts.change import Trust


class ObjectKind(StrEnum):
    """What an object of a flow is."""

    SNAPSHOT = "snapshots"
    PLAN = "plans"
    ARTIFACT = "artifacts"
    REPORT = "reports"


def object_key(kind: ObjectKind, trust: Trust, path: str) -> str:
    """The key of an object that a flow of this trust writes."""
    return f"{kind}/{trust}/{path}"
