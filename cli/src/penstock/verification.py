"""Checks an artifact against its provenance and the plan that it was built by.

The two come from different writers: a runner's role writes artifacts and their provenance, and only
the role of the service build writes plans. Neither is signed: whoever may write to both places of
the bucket can make both up.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from penstock.errors import CommandError, NotFoundError
from penstock_shared.contracts.change import Trust, readable_by
from penstock_shared.contracts.plan import ObjectRef, Plan
from penstock_shared.contracts.provenance import (
    ProvenanceStatement,
    is_provenance,
    provenance_key,
)
from penstock_shared.object_keys import ObjectKind, object_key

_CHUNK = 1 << 20
_PLAN = re.compile(r"-([0-9a-f]{16})\.json$")


class UnverifiedError(CommandError):
    """The artifact is not what a flow of this stage built."""


@dataclass(frozen=True)
class Content:
    """What an artifact holds."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Verified:
    """An artifact, the statement about it, and the plan that names it."""

    content: Content
    key: str
    statement: ProvenanceStatement
    plan: Plan


@dataclass(frozen=True)
class Verifier:
    """Reads the artifact bucket. `s3` is a boto3 client. Every method raises botocore's errors."""

    s3: Any
    bucket: str
    least: Trust
    """The lowest trust of a flow whose artifacts are accepted."""

    def file(self, path: Path) -> Verified:
        """A file that anybody has. Raises UnverifiedError, NotFoundError."""
        try:
            content = _content_of(_chunks(path))
        except OSError as error:
            raise NotFoundError(f"{path} cannot be read: {error.strerror}") from error
        for key in self._keys_of_size(content.size):
            statement = self._statement(key)
            if statement and statement.artifact.digest.get("sha256") == content.sha256:
                return self._checked(key, content, statement)
        trusts = " or ".join(readable_by(self.least))
        raise UnverifiedError(
            f"{path}: no artifact of trust {trusts} in {self.bucket} has its sha256, "
            f"{content.sha256}. It was changed, or built elsewhere"
        )

    def component(self, flow_id: str, name: str) -> Verified:
        """What a flow deploys of a component. Raises UnverifiedError, NotFoundError."""
        artifact = self._artifact_of(flow_id, name)
        stored = self.s3.get_object(Bucket=self.bucket, Key=artifact.key)
        content = _content_of(stored["Body"].iter_chunks(_CHUNK))
        if content.sha256 != artifact.sha256:
            raise UnverifiedError(
                f"{artifact.key} has the sha256 {content.sha256}, and the plan of flow {flow_id} "
                f"says {artifact.sha256}: it was changed after it was built"
            )
        statement = self._statement(artifact.key)
        if statement is None:
            raise UnverifiedError(
                f"{artifact.key} has no provenance beside it: Penstock wrote none when it was built"
            )
        return self._checked(artifact.key, content, statement)

    def _artifact_of(self, flow_id: str, name: str) -> ObjectRef:
        plans = list(self._plans(flow_id))
        if not plans:
            raise NotFoundError(f"flow {flow_id} has no plan of trust {self.least} or higher")
        named = [one for plan in plans for one in plan.components if one.name == name]
        if not named:
            known = ", ".join(one.name for one in plans[0].components)
            raise NotFoundError(f"flow {flow_id} has no component {name!r}; it has {known}")
        artifacts = [one.artifact for one in named if one.artifact and one.artifact.sha256]
        if not artifacts:
            raise NotFoundError(f"flow {flow_id} has no artifact of {name}")
        return artifacts[0]

    def _checked(self, key: str, content: Content, statement: ProvenanceStatement) -> Verified:
        definition = statement.predicate.build_definition
        flow_id, name = (
            definition.internal_parameters.flow,
            definition.external_parameters.component,
        )
        claims = {
            "digest": (statement.artifact.digest.get("sha256"), content.sha256),
            "name": (statement.artifact.name, key),
        }
        plan = next((one for one in self._plans(flow_id) if _names(one, name, key, content)), None)
        if plan is None:
            raise UnverifiedError(
                f"the provenance of {key} says that flow {flow_id} built it as {name}, and no plan "
                "of that flow does"
            )
        repository = f"{plan.change.forge}/{plan.change.repository}"
        claims |= {
            "commit": (statement.commit, plan.change.sha),
            "ref": (definition.external_parameters.ref, plan.change.ref),
            "repository": (definition.external_parameters.repository, repository),
            "trust": (definition.internal_parameters.trust, plan.trust),
        }
        for claim, (said, known) in claims.items():
            if said != known:
                raise UnverifiedError(
                    f"the provenance of {key} says {claim} {said}, and it is {known}"
                )
        return Verified(content, key, statement, plan)

    def _statement(self, key: str) -> ProvenanceStatement | None:
        from botocore.exceptions import ClientError

        try:
            stored = self.s3.get_object(Bucket=self.bucket, Key=provenance_key(key))
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchKey":
                raise
            return None
        try:
            return ProvenanceStatement.model_validate_json(stored["Body"].read())
        except ValidationError as error:
            raise UnverifiedError(
                f"{provenance_key(key)} is no provenance of Penstock: {error.errors()[0]['msg']}"
            ) from error

    def _plans(self, flow_id: str) -> Iterator[Plan]:
        """The plans of a flow, drafted and finished. What was changed under its name is none."""
        for trust in readable_by(self.least):
            for key, _ in self._listed(object_key(ObjectKind.PLAN, trust, f"{flow_id}-")):
                body = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
                found = _PLAN.search(key)
                if found and sha256(body).hexdigest().startswith(found[1]):
                    yield Plan.model_validate_json(body)

    def _keys_of_size(self, size: int) -> Iterator[str]:
        for trust in readable_by(self.least):
            for key, bytes_of_it in self._listed(object_key(ObjectKind.ARTIFACT, trust, "")):
                if bytes_of_it == size and not is_provenance(key):
                    yield key

    def _listed(self, prefix: str) -> Iterator[tuple[str, int]]:
        pages = self.s3.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self.bucket, Prefix=prefix):
            for one in page.get("Contents", ()):
                yield str(one["Key"]), int(one["Size"])


def _names(plan: Plan, name: str, key: str, content: Content) -> bool:
    """Whether a finished plan names this artifact of a component."""
    return any(
        (one.name, one.artifact.key, one.artifact.sha256) == (name, key, content.sha256)
        for one in plan.components
        if one.artifact
    )


def _content_of(chunks: Iterable[bytes]) -> Content:
    digest, size = sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
    return Content(digest.hexdigest(), size)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
