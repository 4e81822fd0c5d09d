"""Usage: __main__.py FOLDER, in the environment that `penstock.embedded.emulator` makes.

FOLDER holds `snapshots/<time>/<service>.json`, the link `snapshots/current` to the newest complete
one, `items/` (the journal of tables), `logs/` (of jobs), `lambda-blobs/` (function zips by hash),
`objects/` (S3) and `tmp/` (unpacked functions).
"""

import sys
from pathlib import Path

# The interpreter does not have the package, so this file is run by its path and sets its own
# import path, which functions do not inherit.
sys.path[0] = str(Path(__file__).parents[2])

from penstock.emulation.server import run  # noqa: E402  # found by the line above

if __name__ == "__main__":
    run(Path(sys.argv[1]))
