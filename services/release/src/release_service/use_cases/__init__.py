"""What the release service does, a file each."""
