"""Identifiers that are the same however often the same thing is told."""

import hashlib

_FLOW_ID_DIGITS = 20
_EVENT_ID_DIGITS = 32


def digest_of(*parts: str) -> str:
    """The SHA-256 of the parts, in hex. Parts are delimited, so ("ab", "c") is not ("a", "bc").

    Names of files need not be UTF-8: their bytes are taken as `os.fsdecode` hands them over.
    """
    return hashlib.sha256("\x1f".join(parts).encode(errors="surrogateescape")).hexdigest()


def flow_id_for(
    forge: str, repository: str, ref: str, before: str, after: str, attempt: int = 1
) -> str:
    """The flow of one change of a ref from one commit to another: 20 hex digits.

    Keyed on what changed and not on the delivery, so that a push which is delivered twice, or
    through two webhooks, is one flow. A ref that is put back to an earlier commit has changed.
    """
    parts = (forge, repository, ref, before, after, str(attempt))
    return digest_of("flow", *parts)[:_FLOW_ID_DIGITS]


def retry_id_for(flow_id: str, attempt: int) -> str:
    """The flow that runs another again, as which attempt: however often that is asked for."""
    return digest_of("retry", flow_id, str(attempt))[:_FLOW_ID_DIGITS]


def run_id_for(forge: str, repository: str, ref: str, sha: str, request: str) -> str:
    """The flow that a person started without a push. Each request of its own name is another."""
    return digest_of("run", forge, repository, ref, sha, request)[:_FLOW_ID_DIGITS]


def event_id_for(flow_id: str, event_type: str, identity: str) -> str:
    """The id of one outcome: 32 hex digits, the same each time the outcome is published."""
    return digest_of("event", flow_id, event_type, identity)[:_EVENT_ID_DIGITS]


def job_id_for(flow_id: str, owner: str, *name: str) -> str:
    """The id of one job of a flow: 20 hex digits."""
    return digest_of("job", flow_id, owner, *name)[:_FLOW_ID_DIGITS]
