"""What every component of the shop needs: how to answer, how to refuse, how to call another."""
