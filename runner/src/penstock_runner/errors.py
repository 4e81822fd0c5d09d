"""The errors of the runner. People see their texts as the reason of a job."""

from penstock_shared.errors import PenstockError


class RunnerError(PenstockError):
    """Something in the runner went wrong."""


class JobError(RunnerError):
    """The job cannot be run as requested, or did not leave a required output; no retry helps."""


class UnsafePathError(JobError):
    """A path that the job uses lies outside of its folder."""


class JobInterruptedError(RunnerError):
    """The job must stop while the runner works for it."""
