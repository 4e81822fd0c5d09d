"""One flow's way into one environment, and back out of it."""
