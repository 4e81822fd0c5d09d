"""The use cases of the answers service, one in each file."""
