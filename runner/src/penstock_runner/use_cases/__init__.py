"""What the runner does, one module a use case."""
