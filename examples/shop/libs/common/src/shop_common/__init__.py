"""Shared by the components of the shop: answers, refusals, and calls of other components."""
