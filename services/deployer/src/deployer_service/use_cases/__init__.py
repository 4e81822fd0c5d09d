"""What the deployer does, a file each."""
