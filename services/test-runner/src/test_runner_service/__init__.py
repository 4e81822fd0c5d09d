"""Runs a plan's gates, and gives one verdict on the flow."""
