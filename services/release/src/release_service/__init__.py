"""Bakes, promotes and aborts staged releases."""
