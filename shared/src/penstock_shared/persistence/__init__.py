"""The record store: one conditional write holds a change of state and the events of it."""
