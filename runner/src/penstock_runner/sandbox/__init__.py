"""Where a job's command runs: in namespaces of its own as far as the machine can, within limits.

`probe.best_sandbox` finds out once, at the runner's start, what the machine can do.
"""
