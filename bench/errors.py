"""Errors of measuring."""


class BenchError(Exception):
    """Any failure of the benchmark. Its message says what happened and what to do."""


class SubjectError(BenchError):
    """A subject could not be started, reached or stopped."""


class PipelineError(BenchError):
    """A pipeline did not succeed, or not in time, so it has no valid figure."""


class CountingError(BenchError):
    """The emulator does not count its calls."""
