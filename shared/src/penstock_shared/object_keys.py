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


def is_artifact(key: str) -> bool:
    """Whether the object of this key is an artifact, or says something about one."""
    return key.startswith(f"{ObjectKind.ARTIFACT}/")


def object_key(kind: ObjectKind, trust: Trust, path: str) -> str:
    """The key of an object that a flow of this trust writes."""
    return f"{kind}/{trust}/{path}"
