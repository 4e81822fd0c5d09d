"""`python -m penstock_runner`: see docs/runner.md."""

import sys
from io import TextIOWrapper

from penstock_runner.isolation import hide_credentials


def main() -> int:
    """Run until a signal comes, then exit with 0. The exit code is 2 for invalid settings."""
    hide_credentials()
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # the log is read while the runner runs
    # Imported only now: hide_credentials may replace the process.
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
