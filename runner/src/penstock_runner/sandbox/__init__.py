"""Sandboxes for the commands of jobs: their own namespaces where the machine allows it, and limits.

`probe.best_sandbox` finds out at the runner's start what the machine allows.
"""
