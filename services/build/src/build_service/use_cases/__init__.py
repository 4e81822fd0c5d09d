"""The use cases of the build service, one in each file."""
