"""Driver `lambda`: a request to the steps function, and what that does with it."""
