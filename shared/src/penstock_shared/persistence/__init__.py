"""A record store in which a state change and the events it causes are one conditional write."""
