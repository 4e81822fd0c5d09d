"""Turns a push into a plan and its artifacts."""
