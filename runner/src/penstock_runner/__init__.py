"""Executes jobs: leases them from the jobs queue, runs them, and publishes their results."""
