"""Invoked by people: registers, lists, changes and removes repositories.

Requests and answers are those of `penstock_shared.contracts.registry`. They may hold secrets, so
neither they nor their parts are logged.
"""

from typing import Any

from pydantic import ValidationError

from build_service import bootstrap
from build_service.domain.errors import RegistryError
from build_service.use_cases.manage_repositories import ManageRepositories
from penstock_shared.contracts.registry import (
    REQUESTS,
    RefusalKind,
    RegistryAnswer,
    RegistryRefusal,
)


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """A request as JSON in, a RegistryAnswer as JSON out."""
    with bootstrap.SERVICE.telemetry.message("repositories", "") as span:
        answer = answer_to(event, bootstrap.manage_repositories())
        if answer.refusal:
            span.outcome("refused", answer.refusal.kind)
    return answer.model_dump(mode="json", exclude_none=True)


def answer_to(event: dict[str, Any], manage: ManageRepositories) -> RegistryAnswer:
    """The answer to a request, which may be none."""
    try:
        return manage(REQUESTS.validate_python(event))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        # The first part of the location is the kind of request.
        field = ".".join(str(part) for part in first["loc"][1:]) or "request"
        return _refused(RefusalKind.INVALID, f"{field}: {first['msg']}")
    except RegistryError as error:
        return _refused(error.kind, str(error))


def _refused(kind: RefusalKind, reason: str) -> RegistryAnswer:
    return RegistryAnswer(refusal=RegistryRefusal(kind=kind, reason=reason))
