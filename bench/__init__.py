"""Measures Penstock and its peers on the same workloads. See docs/bench.md."""
