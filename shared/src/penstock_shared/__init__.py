"""Contracts and plumbing that Penstock's services share. No business rules live here."""
