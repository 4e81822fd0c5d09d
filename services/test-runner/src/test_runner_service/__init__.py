"""Turns a plan into gates, and gates into one verdict."""
