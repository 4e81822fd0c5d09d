"""What the functions are told by their environment."""

from penstock_shared.settings import Settings


class MonitorSettings(Settings):
    """The service's own settings, beside those of every service."""

    job_log_group: str = ""
    """The log group that runners write jobs' output to."""
