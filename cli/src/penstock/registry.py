"""Asks the registry of repositories: the function `repositories` of build."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from penstock.errors import CommandError, ExitCode
from penstock.functions import ask_function
from penstock_shared.contracts.registration import RegisteredRepository
from penstock_shared.contracts.registry import (
    RefusalKind,
    RegistryAnswer,
    RegistryRequest,
    ShowRepository,
)


class RegistryRefusalError(CommandError):
    """The registry refused the request. The text is its reason."""

    exit_codes: ClassVar = {
        RefusalKind.UNKNOWN: ExitCode.NOT_FOUND,
        RefusalKind.DUPLICATE: ExitCode.REFUSED,
        RefusalKind.INVALID: ExitCode.USAGE,
    }

    def __init__(self, kind: RefusalKind, reason: str) -> None:
        super().__init__(reason)
        self.exit_code = self.exit_codes[kind]  # type: ignore[misc]  # each kind has its own


@dataclass(frozen=True)
class RegistryClient:
    """The registry of one stage. `client` makes boto3 clients of its AWS."""

    stage: str
    client: Callable[[str], Any]

    def ask(self, request: RegistryRequest) -> RegistryAnswer:
        """The answer to a request.

        Raises RegistryRefusalError when it is refused, NoStackError when the stage has no registry,
        and CommandError when the call fails.
        """
        function = f"penstock-build-{self.stage}-repositories"
        payload = request.model_dump_json(exclude_none=True)
        body = ask_function(self.client, function, payload)
        answer = RegistryAnswer.model_validate(body)
        if answer.refusal:
            raise RegistryRefusalError(answer.refusal.kind, answer.refusal.reason)
        return answer


def registered(registry: RegistryClient, repository: str) -> RegisteredRepository:
    """The registered repository of this name. Raises RegistryRefusalError for none, and for two."""
    (found,) = registry.ask(ShowRepository(full_name=repository)).repositories
    return found
