"""Build recipes that a `penstock.yml` can name instead of a command; run inside jobs."""
