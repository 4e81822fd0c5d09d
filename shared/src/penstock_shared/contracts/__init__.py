"""The messages between services, and the documents they share.

`event` is the envelope and `events` every type of event. `plan` and `jobs` are the documents that
events carry or point at. `commands` are the messages that people publish by hand.
"""
