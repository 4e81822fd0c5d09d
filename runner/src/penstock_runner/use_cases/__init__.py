"""The use cases of the runner, one module each."""
