"""The penstock command and the embedded stack."""
