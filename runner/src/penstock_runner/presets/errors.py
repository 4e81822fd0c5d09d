"""What can go wrong in a preset. The texts end up in the job's log."""


class PresetError(Exception):
    """The artifact cannot be made; says why, and what to do."""
