"""Events out to topics and queues, and in from a queue record by record."""
