"""What the monitor does: one module each."""
