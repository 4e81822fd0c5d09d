"""Build recipes that a `penstock.yml` can name instead of a command; run inside jobs.

Only the standard library is imported here, and nothing of the runner's: this is a job's code.
"""
