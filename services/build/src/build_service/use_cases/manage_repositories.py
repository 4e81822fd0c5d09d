"""Somebody registers, shows, changes or removes repositories."""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from secrets import token_bytes, token_urlsafe

from build_service.domain import pull_request, registration
from build_service.domain.answering import api_url_of
from build_service.domain.errors import RegistryError
from build_service.domain.pull_request import (
    PullRequest,
    pull_request_key,
    pull_requests_of,
    summary_of,
)
from build_service.domain.registration import Registration, check_clone_url, registration_key
from build_service.domain.secrets import RepositorySecrets
from build_service.use_cases.registry import Secrets, WriteCredentials
from penstock_shared.clock import Clock
from penstock_shared.contracts.answers import WriteCredential
from penstock_shared.contracts.change import Forge
from penstock_shared.contracts.registration import (
    CredentialKind,
    RegisteredRepository,
    repository_id,
)
from penstock_shared.contracts.registry import (
    AddRepository,
    ListRepositories,
    NamedRequest,
    ReadCredential,
    RefusalKind,
    RegistryAnswer,
    RegistryRequest,
    RemoveRepository,
    RotateSecret,
    SetAnswers,
    SetRepository,
    ShowPullRequest,
    ShowRepository,
)
from penstock_shared.decisions import Cause, Decision, Write, already_done
from penstock_shared.identifiers import digest_of
from penstock_shared.persistence.outbox import Records

_SECRET_BYTES = 32
MOST_WAITING = 50
"""The most pull requests that are shown of one repository."""


def new_secret(forge: Forge) -> str:
    """A webhook secret of letters, digits, `-` and `_`.

    For GitLab one that can be a signing token too, whose form is that of Standard Webhooks.
    """
    if forge is Forge.GITLAB:
        return f"whsec_{b64encode(token_bytes(_SECRET_BYTES)).decode()}"
    return token_urlsafe(_SECRET_BYTES)


@dataclass(frozen=True)
class ManageRepositories:
    """Carries out what people ask of the registry.

    `schemes` are those of clone addresses, and `api_schemes` those of forges' APIs. A record is
    written before its secrets: a repository without secrets receives nothing, and one more
    `rotate-secret` completes it.
    """

    records: Records[Registration]
    secrets: Secrets
    write_credentials: WriteCredentials
    pull_requests: Records[PullRequest]
    schemes: tuple[str, ...]
    api_schemes: tuple[str, ...]
    clock: Clock
    make_secret: Callable[[Forge], str] = new_secret

    def __call__(self, request: RegistryRequest) -> RegistryAnswer:  # noqa: PLR0911  # a case each
        """The answer to the request. Raises RegistryError when it is refused."""
        match request:
            case AddRepository():
                return self._add(request)
            case ListRepositories():
                return RegistryAnswer(repositories=self._all())
            case ShowRepository() | ShowPullRequest():
                return self._show(request)
            case SetRepository():
                return self._set(request)
            case SetAnswers():
                return self._set_answers(request)
            case RotateSecret():
                return self._rotate(request)
            case RemoveRepository():
                return self._remove(request)

    def _add(self, request: AddRepository) -> RegistryAnswer:
        check_clone_url(request.clone_url, self.schemes, with_token=bool(request.credential))
        key = repository_id(request.forge, request.full_name)
        added = self._change(key, lambda known: registration.register(known, request, self.clock()))
        secrets = RepositorySecrets(
            webhook=self.make_secret(request.forge), credential=request.credential
        )
        self.secrets.put(key, secrets)
        return RegistryAnswer(repositories=(added,), webhook_secret=secrets.webhook)

    def _show(self, request: ShowRepository | ShowPullRequest) -> RegistryAnswer:
        found = self._find(request)
        if isinstance(request, ShowPullRequest):
            known = [self._pull_request(found, request.number)]
        else:
            known = self._waiting(found)
        summaries = tuple(summary_of(one) for one in known)
        return RegistryAnswer(repositories=(found,), pull_requests=summaries)

    def _pull_request(self, found: RegisteredRepository, number: int) -> PullRequest:
        known = self.pull_requests.get(pull_request_key(found.forge, found.full_name, number))
        if known is None:
            raise RegistryError(RefusalKind.UNKNOWN, pull_request.unknown(number))
        return known

    def _waiting(self, found: RegisteredRepository) -> list[PullRequest]:
        begins = pull_requests_of(found.forge, found.full_name)
        keys = [key for key in self.pull_requests.listed() if key.startswith(begins)]
        known = (self.pull_requests.get(key) for key in keys[:MOST_WAITING])
        return sorted((one for one in known if one), key=lambda one: one.number)

    def _set(self, request: SetRepository) -> RegistryAnswer:
        found = self._find(request)
        keeps_token = found.read_with is CredentialKind.TOKEN and not request.forget_credential
        with_token = bool(request.credential) or keeps_token
        clone_url = request.clone_url or found.clone_url
        check_clone_url(clone_url, self.schemes, with_token=with_token)
        _keep_token_at_home(found, request)
        if request.credential or request.forget_credential:
            self._store_credential(found, request.credential)
        changed = self._change_known(
            found, lambda known: registration.reconfigure(known, request, self.clock())
        )
        return RegistryAnswer(repositories=(changed,))

    def _set_answers(self, request: SetAnswers) -> RegistryAnswer:
        """A token is stored before the record says so, and forgotten after."""
        found, api_url = self._find(request), ""
        if request.token:
            api_url = api_url_of(found, request.api_url, self.api_schemes)
            credential = WriteCredential(
                token=request.token, api_url=api_url, page_url=request.page_url.rstrip("/")
            )
            self.write_credentials.put(found.id, credential)
        changed = self._change_known(
            found, lambda known: registration.answer(known, api_url, self.clock())
        )
        if found.answers and not request.token:
            self.write_credentials.delete(found.id)
        return RegistryAnswer(repositories=(changed,))

    def _rotate(self, request: RotateSecret) -> RegistryAnswer:
        found = self._find(request)
        secret = self.make_secret(found.forge)
        before, now = self.secrets.get(found.id), self.clock()
        fresh = RepositorySecrets(webhook=secret)
        overlap = timedelta(seconds=request.overlap)
        self.secrets.put(found.id, before.rotated(secret, now, overlap) if before else fresh)
        changed = self._change_known(found, lambda known: registration.touch(known, now))
        return RegistryAnswer(repositories=(changed,), webhook_secret=secret)

    def _remove(self, request: RemoveRepository) -> RegistryAnswer:
        found = self._find(request)
        removed = self._change_known(found, lambda known: registration.remove(known, self.clock()))
        self.secrets.delete(found.id)
        if found.answers:
            self.write_credentials.delete(found.id)
        return RegistryAnswer(repositories=(removed,))

    def _store_credential(
        self, repository: RegisteredRepository, credential: ReadCredential | None
    ) -> None:
        known = self.secrets.get(repository.id)
        secrets = known or RepositorySecrets(webhook=self.make_secret(repository.forge))
        self.secrets.put(repository.id, secrets.model_copy(update={"credential": credential}))

    def _all(self) -> tuple[RegisteredRepository, ...]:
        known = (self.records.get(key) for key in self.records.listed())
        current = [one.current for one in known if one and one.current]
        return tuple(sorted(current, key=lambda one: (one.full_name, one.forge)))

    def _find(self, request: NamedRequest) -> RegisteredRepository:
        forges = [request.forge] if request.forge else list(Forge)
        keys = [registration_key(repository_id(forge, request.full_name)) for forge in forges]
        known = (self.records.get(key) for key in keys)
        found = [one.current for one in known if one and one.current]
        if len(found) > 1:
            forges_of_it = " and ".join(one.forge for one in found)
            reason = f"{request.full_name} is on {forges_of_it}: say which with --forge"
            raise RegistryError(RefusalKind.INVALID, reason)
        if not found:
            raise RegistryError(RefusalKind.UNKNOWN, self._unknown(request))
        return found[0]

    def _unknown(self, request: NamedRequest) -> str:
        where = f" on {request.forge}" if request.forge else ""
        known = ", ".join(one.full_name for one in self._all()[:20])
        there = f"there are {known}" if known else "there is none yet: `penstock repo add`"
        return f"no repository {request.full_name} is registered{where}; {there}"

    def _change_known(
        self, found: RegisteredRepository, decide: Callable[[Registration], Write[Registration]]
    ) -> RegisteredRepository:
        def of_known(known: Registration | None) -> Decision[Registration]:
            return decide(known) if known and known.current else already_done("it is removed")

        return self._change(found.id, of_known)

    def _change(
        self, key: str, decide: Callable[[Registration | None], Decision[Registration]]
    ) -> RegisteredRepository:
        cause = Cause(digest_of("registration", key)[:20], "")
        outcome = self.records.change(registration_key(key), cause, decide)
        if outcome.record is None:
            raise RegistryError(RefusalKind.UNKNOWN, "the repository is gone")
        return outcome.record.repository


def _keep_token_at_home(found: RegisteredRepository, request: SetRepository) -> None:
    """A token is sent to no address but the one that it was given for."""
    moved = request.clone_url and request.clone_url != found.clone_url
    has_token = found.read_with is CredentialKind.TOKEN
    if moved and has_token and not (request.credential or request.forget_credential):
        raise RegistryError(
            RefusalKind.INVALID,
            "its token was given for another clone address: give one for the new address, or "
            "forget it",
        )
