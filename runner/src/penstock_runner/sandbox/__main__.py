"""`python -m penstock_runner.sandbox` prints this machine's sandbox, then what it lacks.

The exit code is 0 if there is a sandbox, 1 if not.
"""

import sys

from penstock_runner.adapters.guard import ProcessGuard
from penstock_runner.sandbox.network import Network
from penstock_runner.sandbox.probe import Wanted, best_sandbox


def main() -> int:
    """Try the sandboxes, and print the result."""
    network = Network(helpers=ProcessGuard().helpers)
    found = best_sandbox(Wanted(network=network))
    network.end()
    sys.stdout.write("\n".join([found.name, *found.missing, ""]))
    return 0 if found.confines else 1


if __name__ == "__main__":
    sys.exit(main())
