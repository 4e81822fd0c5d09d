"""Writes secrets to Secrets Manager, with the rights of the person who runs the command."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict

from penstock.errors import CommandError, NotFoundError, UsageError
from penstock_shared.contracts.change import Forge, Trust
from penstock_shared.contracts.secrets import (
    ANY_ENVIRONMENT,
    LONGEST_SECRET,
    SHORTEST_SECRET,
    SecretPlace,
    StoredSecret,
    prefix_of,
)


class SecretJson(TypedDict):
    """One secret, without its value. `environment` is null for a secret of any."""

    name: str
    forge: str
    repository: str
    environment: str | None
    trust: str
    changed_at: str


def checked_value(text: bytes) -> str:
    """The value that was given, without the line break that a shell ends it with.

    Raises UsageError if it cannot become a variable, or could not be masked in output.
    """
    try:
        value = text.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise UsageError("the value is not UTF-8; encode it, for example with base64") from error
    if not value.strip():
        raise UsageError("the value is empty")
    if "\0" in value:
        raise UsageError("the value holds a zero byte, which no variable can; encode it first")
    if len(value.encode()) > LONGEST_SECRET:
        raise UsageError(
            f"the value has {len(value.encode()):,} bytes; the limit is {LONGEST_SECRET:,}"
        )
    if all(len(line.strip()) < SHORTEST_SECRET for line in value.splitlines()):
        raise UsageError(
            f"the value has no {SHORTEST_SECRET} characters on a line; one so short cannot be "
            "masked in what jobs print"
        )
    return value


@dataclass(frozen=True)
class SecretsClient:
    """The secrets of one stage. `client` makes boto3 clients of its AWS.

    Every method raises CommandError when AWS refuses or does not answer.
    """

    stage: str
    client: Callable[[str], Any]

    def set(self, place: SecretPlace, name: str, stored: StoredSecret) -> bool:
        """Store a secret, in place of one of that name if there is; returns whether it is new."""
        secret_id, tags = place.id_of(name), _tags(place, stored.trust)
        document = stored.model_dump_json()
        with _in_words(f"could not store secret {name}"):
            try:
                self._manager.create_secret(Name=secret_id, SecretString=document, Tags=tags)
            except self._manager.exceptions.ResourceExistsException:
                self._replace(secret_id, document, tags, stored.trust)
                return False
        return True

    def _replace(
        self, secret_id: str, document: str, tags: list[dict[str, str]], trust: Trust
    ) -> None:
        """Change value and tags so that no job can have the old value with the new trust."""

        def tag() -> None:
            self._manager.tag_resource(SecretId=secret_id, Tags=tags)

        if trust is Trust.RELEASE:
            tag()
        self._manager.put_secret_value(SecretId=secret_id, SecretString=document)
        if trust is not Trust.RELEASE:
            tag()

    def list(self) -> Iterator[SecretJson]:
        """All secrets by their ids, without their values."""
        prefix = prefix_of(self.stage)
        with _in_words("could not list secrets"):
            pages = self._manager.get_paginator("list_secrets").paginate(
                Filters=[{"Key": "name", "Values": [prefix]}]
            )
            found = [one for page in pages for one in page["SecretList"]]
        for one in sorted(found, key=lambda each: str(each["Name"])):
            yield _as_json(one, prefix)

    def of(self, forge: Forge, repository: str) -> Sequence[SecretJson]:
        """The secrets of one repository."""
        whose = (forge, repository)
        return [one for one in self.list() if (one["forge"], one["repository"]) == whose]

    def remove(self, place: SecretPlace, name: str) -> None:
        """Forget a secret at once and for good. Raises NotFoundError."""
        with _in_words(f"could not remove secret {name}"):
            try:
                # Deleting a secret that does not exist succeeds, if it is for good.
                self._manager.describe_secret(SecretId=place.id_of(name))
            except self._manager.exceptions.ResourceNotFoundException as error:
                where = (
                    f"jobs that deploy to {place.environment}" if place.environment else "any job"
                )
                raise NotFoundError(
                    f"there is no secret {name} of {place.repository} for {where}; "
                    "`penstock secret list` shows those that there are"
                ) from error
            self._manager.delete_secret(SecretId=place.id_of(name), ForceDeleteWithoutRecovery=True)

    @property
    def _manager(self) -> Any:
        return self.client("secretsmanager")


def _tags(place: SecretPlace, trust: Trust) -> list[dict[str, str]]:
    known = {
        "penstock:stage": place.stage,
        "penstock:repository": place.full_name,
        "penstock:environment": place.environment or ANY_ENVIRONMENT,
        "penstock:trust": str(trust),
    }
    return [{"Key": key, "Value": value} for key, value in known.items()]


def _as_json(found: dict[str, Any], prefix: str) -> SecretJson:
    whose, environment, name = str(found["Name"]).removeprefix(prefix).rsplit("/", 2)
    forge, _, repository = whose.partition("/")
    tags = {tag["Key"]: tag["Value"] for tag in found.get("Tags", ())}
    changed: datetime = found["LastChangedDate"]
    return SecretJson(
        name=name,
        forge=forge,
        repository=repository,
        environment=None if environment == ANY_ENVIRONMENT else environment,
        trust=tags.get("penstock:trust", ""),
        changed_at=changed.isoformat(timespec="seconds"),
    )


@contextmanager
def _in_words(what: str) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise CommandError(f"{what}: {error}") from error
