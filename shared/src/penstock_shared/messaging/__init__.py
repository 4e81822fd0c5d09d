"""Publishes events to topics and queues, and consumes queues record by record."""
