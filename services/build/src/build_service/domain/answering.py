"""Where the API of a forge is that is told what becomes of a repository's changes."""

from urllib.parse import urlsplit

from build_service.domain.errors import RegistryError
from penstock_shared.contracts.change import Forge
from penstock_shared.contracts.registration import RegisteredRepository
from penstock_shared.contracts.registry import RefusalKind

_HOSTED = {
    "github.com": "https://api.github.com",
    "bitbucket.org": "https://api.bitbucket.org/2.0",
}
_ELSEWHERE = {
    Forge.GITHUB: "/api/v3",
    Forge.GITLAB: "/api/v4",
    Forge.GITEA: "/api/v1",
}
"""Where the API of a forge is on its own host. GitHub's is that of GitHub Enterprise Server."""


def api_url_of(
    repository: RegisteredRepository, given: str | None, schemes: tuple[str, ...]
) -> str:
    """The address of the API, as it is given or as the clone address says.

    Raises RegistryError if the forge has none, or if it is no address that a token is sent to.
    """
    if repository.forge is Forge.GIT:
        raise RegistryError(
            RefusalKind.INVALID, "plain git has no place for answers: the page and `penstock` do"
        )
    url = (given or _api_beside(repository)).rstrip("/")
    try:
        parts = urlsplit(url)
        is_address = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or parts.scheme not in schemes or parts.query or parts.fragment:
        wanted = " or ".join(f"{scheme}://" for scheme in schemes)
        raise RegistryError(
            RefusalKind.INVALID,
            f"the API's address must begin with {wanted} and name a host: --api",
        )
    if parts.username is not None or not (url.isascii() and url.isprintable()) or " " in url:
        raise RegistryError(
            RefusalKind.INVALID, "the API's address must have no user name and no spaces"
        )
    return url


def _api_beside(repository: RegisteredRepository) -> str:
    parts = urlsplit(repository.clone_url)
    hosted = _HOSTED.get(parts.hostname or "")
    path = _ELSEWHERE.get(repository.forge)
    return hosted or (f"https://{parts.netloc}{path}" if path and parts.hostname else "")
