"""Where the outside comes in: a queue, and an HTTP API."""
