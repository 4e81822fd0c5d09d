"""Files that other processes read while they are written."""

import os
from pathlib import Path


def replace_text(path: Path, text: str, mode: int = 0o600) -> None:
    """Replace the file atomically: a reader sees the old text or the new one, never a part."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(text)
    fresh.chmod(mode)
    fresh.replace(path)
