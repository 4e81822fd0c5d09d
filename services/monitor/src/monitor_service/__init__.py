"""Projects every event into flows that people can read."""
