"""What the forges' webhooks have in common: JSON of known parts, and signatures of bodies."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from build_service.domain.delivery import Ignored
from build_service.domain.errors import WebhookError
from penstock_shared.contracts.change import TAGS
from penstock_shared.github import NO_COMMIT

DELETED_FORK = "a deleted fork"
"""The name of a fork that has none any more: it is a fork all the same."""
MESSAGE_CHARACTERS = 2000
NAME_CHARACTERS = 200
BRANCHES = "refs/heads/"
_BRANCH = r"[^/\x00-\x20\x7f~^:?*\[\\]+(/[^/\x00-\x20\x7f~^:?*\[\\]+)*"
"""Close to https://git-scm.com/docs/git-check-ref-format. Git itself has accepted the name."""


class Payload(BaseModel):
    """A part of a payload. Forges add fields at any time, so unknown ones are skipped."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


def _cut(most: int) -> BeforeValidator:
    return BeforeValidator(lambda text: text[:most] if isinstance(text, str) else "")


FullName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[\w.-]+(/[\w.-]+)*$")]
Ref = Annotated[str, Field(max_length=500, pattern=rf"^refs/{_BRANCH}$")]
Branch = Annotated[str, Field(max_length=480, pattern=rf"^{_BRANCH}$")]
Commit = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
Number = Annotated[int, Field(ge=1, le=2**53)]
Name = Annotated[str, _cut(NAME_CHARACTERS)]
"""The name of a person, or a title: cut, and empty where there is none."""
Message = Annotated[str, _cut(MESSAGE_CHARACTERS)]
"""The message of a commit: cut, and empty where there is none."""
Moment = AwareDatetime

P = TypeVar("P", bound=Payload)


def json_of(headers: Mapping[str, str], body: bytes) -> Any:
    """The JSON of a body. Raises WebhookError (400)."""
    try:
        return from_json(body)
    except ValueError as error:
        is_form = "form-urlencoded" in headers.get("content-type", "")
        hint = ". Set the webhook's content type to application/json" if is_form else ""
        raise WebhookError(400, f"the body is not JSON: {error}{hint}") from error


def part_of(kind: type[P], what: str, payload: Any) -> P:
    """The payload as that model. Raises WebhookError (422), which says what it is not."""
    try:
        return kind.model_validate(payload)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "body"
        raise WebhookError(422, f"not a {what}: {field}: {first['msg']}") from error


def delivery_of(headers: Mapping[str, str], *names: str) -> str:
    """The id of a delivery, by the first of these headers that it has."""
    return next((headers[name] for name in names if headers.get(name)), "")[:NAME_CHARACTERS]


def nothing_starts_on(event: str) -> list[Ignored]:
    """What an event says that Penstock does not act on."""
    return [Ignored(f"nothing starts on a {event[:NAME_CHARACTERS]!r} event")]


def nothing_starts_when(what: str, action: str) -> Ignored:
    """What happens to a pull request that Penstock does not act on. `what` is the forge's word."""
    return Ignored(f"nothing starts when a {what} is {action[:100]!r}")


def why_not(ref: str, after: str) -> Ignored | None:
    """Why a push to a ref starts nothing; None if it may start a flow."""
    if after == NO_COMMIT:
        return Ignored(f"{ref} was deleted; there is nothing to build")
    if not ref.startswith((BRANCHES, TAGS)):
        return Ignored(f"{ref} is no branch and no tag; only these start a flow")
    return None


def hmac_sha256(secret: str, body: bytes) -> str:
    """The HMAC-SHA256 of a body, in hex."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def refuse_unless_known(given: Sequence[str], expected: Sequence[str], header: str) -> None:
    """Raises WebhookError (401) unless one of what was given is one of what is expected.

    All of them are compared, each in constant time.
    """
    if not any(given):
        raise WebhookError(401, f"the delivery is not signed: it has no {header} header")
    matches = [
        hmac.compare_digest(one.encode(), other.encode(errors="replace"))
        for one in expected
        for other in given
    ]
    if not any(matches):
        raise WebhookError(
            401,
            "the signature is wrong: is the webhook's secret the one of this repository? "
            "`penstock repo rotate-secret` makes a new one",
        )


def first_name(*names: str) -> str:
    """The first of these that is not empty."""
    return next((name for name in names if name), "")
