"""The errors of presets. Their texts appear in the job's log."""


class PresetError(Exception):
    """The artifact cannot be made. The text says why, and what to do."""
