"""The use cases of the release service, one in each file."""
