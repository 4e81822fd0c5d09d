"""Driver `command`: jobs for the runners."""
