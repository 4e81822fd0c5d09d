"""Measures Penstock on the works that its peers were measured on. See docs/bench.md."""
