"""What a user would pick instead, measured beside Penstock in the same run."""
