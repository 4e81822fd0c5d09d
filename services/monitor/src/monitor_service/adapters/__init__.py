"""The monitor's ports, on AWS."""
