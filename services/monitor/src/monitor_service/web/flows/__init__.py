"""The area of the page for the list of flows."""
