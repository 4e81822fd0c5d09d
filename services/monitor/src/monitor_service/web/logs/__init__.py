"""The area of the page for what a job printed."""
