"""The domain of the answers service: what is said of a flow, and in which order."""
