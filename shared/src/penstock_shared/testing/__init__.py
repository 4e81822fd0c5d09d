"""Fakes for tests. They pass the same conformance suite as the real adapters."""
