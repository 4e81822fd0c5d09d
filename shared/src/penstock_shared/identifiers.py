"""Identifiers that follow from what they identify, so that repetitions have the same one."""

import hashlib

_FLOW_ID_DIGITS = 20
_EVENT_ID_DIGITS = 32


def digest_of(*parts: str) -> str:
    """The SHA-256 of the parts, in hex. Parts are delimited, so ("ab", "c") is not ("a", "bc").

    A part may be a file name from `os.fsdecode` that is not UTF-8: its own bytes are hashed.
    """
    return hashlib.sha256("\x1f".join(parts).encode(errors="surrogateescape")).hexdigest()


def flow_id_for(
    forge: str, repository: str, ref: str, before: str, after: str, attempt: int = 1
) -> str:
    """The flow of one change of a ref from one commit to another: 20 hex digits.

    The id follows from what changed and not from the delivery: a push that is delivered twice, or
    through two webhooks, is one flow. Resetting a ref to an earlier commit is another change.
    """
    parts = (forge, repository, ref, before, after, str(attempt))
    return digest_of("flow", *parts)[:_FLOW_ID_DIGITS]


def retry_id_for(flow_id: str, attempt: int) -> str:
    """The flow that is this attempt of another flow. Repeated requests have the same id."""
    return digest_of("retry", flow_id, str(attempt))[:_FLOW_ID_DIGITS]


def run_id_for(forge: str, repository: str, ref: str, sha: str, request: str) -> str:
    """The flow that a person starts without a push. Each name of a request is another flow."""
    return digest_of("run", forge, repository, ref, sha, request)[:_FLOW_ID_DIGITS]


def event_id_for(flow_id: str, event_type: str, identity: str) -> str:
    """The id of one outcome: 32 hex digits. Publishing the outcome again does not change it."""
    return digest_of("event", flow_id, event_type, identity)[:_EVENT_ID_DIGITS]


def job_id_for(flow_id: str, owner: str, *name: str) -> str:
    """The id of one job of a flow: 20 hex digits."""
    return digest_of("job", flow_id, owner, *name)[:_FLOW_ID_DIGITS]
