"""The key of a stack: the secret that signs every call to its AWS."""

import secrets

from penstock.embedded.files import replace_text
from penstock.embedded.home import Home

_BYTES = 24


def key_of(home: Home) -> str:
    """The key of this home; empty before it was made."""
    try:
        return home.key_file.read_text()
    except FileNotFoundError:
        return ""


def made_key(home: Home) -> str:
    """A new key for this home."""
    key = secrets.token_hex(_BYTES)
    replace_text(home.key_file, key)
    return key
