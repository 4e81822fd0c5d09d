"""What the services say to each other, and the documents they share.

`event` is the envelope, `events` what can be said, `plan` and `jobs` the documents that the
messages carry or point at, `commands` what people may publish by hand.
"""
