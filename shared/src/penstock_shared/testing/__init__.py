"""Honest fakes: hand-written, and held to the same conformance suite as the real adapters."""
