"""What the build service does, a file each."""
