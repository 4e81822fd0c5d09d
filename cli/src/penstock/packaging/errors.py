from penstock.errors import PenstockError


class PackagingError(PenstockError):
    """An artifact or a template could not be made."""
