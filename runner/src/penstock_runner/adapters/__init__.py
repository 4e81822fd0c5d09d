"""Implementations of the ports: AWS, processes, files."""
