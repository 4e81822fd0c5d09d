"""Executes jobs: leases them from the jobs queue, runs them, and says how they ended."""
