"""Commits whose message asks for no flow."""

import re

_ASKED = re.compile(r"\[(?:skip ci|ci skip|skip penstock)\]", re.IGNORECASE)


def why_skipped(sha: str, message: str) -> str:
    """Why a commit with this message starts no flow; empty if it does not ask for that."""
    asked = _ASKED.search(message)
    return f"the message of commit {sha[:12]} says {asked[0]}" if asked else ""
