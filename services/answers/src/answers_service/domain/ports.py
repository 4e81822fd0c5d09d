"""The ports of the answers service."""

from typing import Protocol

from answers_service.domain.answer import AnsweredCommit, Comment, Status
from penstock_shared.contracts.answers import WriteCredential


class ForgeApi(Protocol):
    """The API of one forge. What is told twice is harmless.

    Each method raises TellLaterError if the forge cannot be told now, and NotToldError if it
    refuses what it is told.
    """

    def show_status(self, target: AnsweredCommit, status: Status, handle: str) -> str:
        """Show the status at the commit. `handle` is what showing its name before has returned.

        Returns a handle to change it by; empty where the name is enough.
        """
        ...

    def show_comment(self, target: AnsweredCommit, comment: Comment, handle: str, mark: str) -> str:
        """Show the comment at the pull request, in the place of the one that is there.

        Without a handle, a comment that holds `mark` is looked for. Returns the comment's handle.
        """
        ...


class Forges(Protocol):
    """Makes the API of a forge."""

    def __call__(self, forge: str, credential: WriteCredential) -> ForgeApi | None:
        """The API at the credential's address; None if the forge has none."""
        ...


class KnownCredentials(Protocol):
    """The credentials that forges are told with."""

    def of(self, forge: str, repository: str) -> WriteCredential | None:
        """The repository's; None if it has none, or has none any more."""
        ...
