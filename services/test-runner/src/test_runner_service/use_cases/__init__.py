"""The use cases of the test-runner service, one in each file."""
