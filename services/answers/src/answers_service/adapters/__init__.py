"""What the answers service reaches over the network."""
