"""The errors of the runner. Their texts reach people as a job's reason."""

from penstock_shared.errors import PenstockError


class RunnerError(PenstockError):
    """Something in the runner went wrong."""


class JobError(RunnerError):
    """The job cannot be run as asked, or cannot leave behind what it should; no retry helps."""


class UnsafePathError(JobError):
    """Something the job brings or leaves lies outside of its folder."""


class JobInterruptedError(RunnerError):
    """The job was told to stop while the runner worked for it."""
