"""`python -m penstock_runner`: see docs/runner.md."""

import sys
from io import TextIOWrapper

from penstock_runner.isolation import hide_credentials


def main() -> int:
    """Run until told to stop; the exit code is 0 then, and 2 for settings that are wrong."""
    hide_credentials()
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # its log is read while it runs
    # Only now: imports are for the process that stays.
    from penstock_runner.agent_bootstrap import running_agent
    from penstock_shared.errors import ConfigurationError

    try:
        with running_agent() as agent:
            agent.run()
    except ConfigurationError as error:
        sys.stderr.write(f"penstock runner: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
