"""Executes jobs from the jobs queue."""
