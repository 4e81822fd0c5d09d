"""What the domain asks for, on real things."""
