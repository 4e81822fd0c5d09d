"""The area of the page for one flow."""
