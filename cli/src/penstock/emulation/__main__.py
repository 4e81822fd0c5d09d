"""Usage: __main__.py FOLDER, with the environment that `penstock.embedded.emulator` makes.

FOLDER holds `snapshots/<number>/<service>.json`, the link `snapshots/current` to the newest whole
one, `items/` (the journal of tables), `logs/` (of jobs), `lambda-blobs/` (function zips by hash),
`objects/` (S3) and `tmp/` (unpacked functions).
"""

import sys
from pathlib import Path

# Run by its path, since the interpreter does not know the package; functions inherit nothing of it.
sys.path[0] = str(Path(__file__).parents[2])

from penstock.emulation.server import run  # noqa: E402  # found by the line above

if __name__ == "__main__":
    run(Path(sys.argv[1]))
