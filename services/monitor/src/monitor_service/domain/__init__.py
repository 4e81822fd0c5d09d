"""What is kept of events, and what a flow looks like when they are folded. Pure: no I/O."""
