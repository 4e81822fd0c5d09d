"""Build presets that a `penstock.yml` can name instead of a command. They run inside jobs.

They import only the standard library and each other, because this is code of a job.
"""
