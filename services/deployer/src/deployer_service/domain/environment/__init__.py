"""An environment: who may change it, who waits for it, and what it runs."""
