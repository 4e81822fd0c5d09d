"""The alternatives to Penstock, measured in the same run."""
