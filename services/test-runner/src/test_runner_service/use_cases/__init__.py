"""What the test-runner service does, a file each."""
