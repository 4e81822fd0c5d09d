"""The settings of the answers service, from its environment."""

from penstock_shared.settings import Settings


class AnswersSettings(Settings):
    """The answers service's own settings, in addition to those of every service."""

    write_credentials: str = ""
    """The beginning of the names of the secrets that forges are told with."""
