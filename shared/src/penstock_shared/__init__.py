"""Contracts and plumbing that Penstock's services share. It holds no business rules."""
