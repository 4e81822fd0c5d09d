from penstock.errors import CommandError


class PackagingError(CommandError):
    """An artifact or a template could not be made."""
