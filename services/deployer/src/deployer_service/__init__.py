"""Turns a verdict into deployed environments."""
