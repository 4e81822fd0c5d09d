"""Provenance of artifacts: an in-toto Statement v1 with a SLSA v1 provenance predicate.

Formats: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md and
https://slsa.dev/spec/v1.0/provenance.
"""

from typing import Final, Literal

from pydantic import Field

from penstock_shared.contracts.change import Trust
from penstock_shared.contracts.jobs import Job, JobOutput
from penstock_shared.contracts.model import Contract, Moment

STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:penstock:build-job:v1"
CONTENT_TYPE = "application/vnd.in-toto+json"
_SUFFIX = ".intoto.json"


class Resource(Contract):
    """Something with digests, each by its algorithm."""

    uri: str = ""
    name: str = ""
    digest: dict[str, str]
    annotations: dict[str, int | str] = {}


class BuildParameters(Contract):
    """What was asked for: all that the change and its `penstock.yml` decide."""

    repository: str
    ref: str
    component: str
    run: str
    workdir: str
    env: dict[str, str] = {}
    secrets: tuple[str, ...] = ()
    inputs: tuple[str, ...] = Field(default=(), description="patterns; the whole tree if empty")


class BuildInternals(Contract):
    """What Penstock decided."""

    flow: str
    job: str
    trust: Trust


class BuildDefinition(Contract):
    """What the artifact was built from."""

    build_type: str = Field(default=BUILD_TYPE, alias="buildType")
    external_parameters: BuildParameters = Field(alias="externalParameters")
    internal_parameters: BuildInternals = Field(alias="internalParameters")
    resolved_dependencies: tuple[Resource, ...] = Field(alias="resolvedDependencies")


class Builder(Contract):
    """Who built it."""

    id: str


class BuildMetadata(Contract):
    """When. `invocation_id` names the job."""

    invocation_id: str = Field(alias="invocationId")
    finished_on: Moment = Field(alias="finishedOn")


class RunDetails(Contract):
    """One run of the build."""

    builder: Builder
    metadata: BuildMetadata


class SlsaProvenance(Contract):
    """The predicate."""

    build_definition: BuildDefinition = Field(alias="buildDefinition")
    run_details: RunDetails = Field(alias="runDetails")


class ProvenanceStatement(Contract):
    """Says of one artifact how it came to be."""

    type_: Literal["https://in-toto.io/Statement/v1"] = Field(default=STATEMENT, alias="_type")
    subject: tuple[Resource, ...] = Field(min_length=1, max_length=1)
    predicate_type: Literal["https://slsa.dev/provenance/v1"] = Field(
        default=PREDICATE, alias="predicateType"
    )
    predicate: SlsaProvenance

    @property
    def commit(self) -> str:
        """The commit that it was built from; empty if the statement names none."""
        sources = self.predicate.build_definition.resolved_dependencies
        return next((one.digest["gitCommit"] for one in sources if "gitCommit" in one.digest), "")

    @property
    def artifact(self) -> Resource:
        """What the statement is about."""
        return self.subject[0]

    def as_json(self) -> bytes:
        """The statement as it is stored."""
        return self.model_dump_json(by_alias=True).encode()


def provenance_key(artifact_key: str) -> str:
    """Where the statement about an artifact is: beside it."""
    return f"{artifact_key}{_SUFFIX}"


def is_provenance(key: str) -> bool:
    """Whether the object of this key is a statement about another."""
    return key.endswith(_SUFFIX)


def provenance_of(
    job: Job, output: JobOutput, builder: str, finished_on: Moment
) -> ProvenanceStatement:
    """The statement about what a build job left behind. Its record is its flow."""
    artifact = Resource(
        name=output.key, digest={"sha256": output.sha256}, annotations={"size": output.size}
    )
    invocation = f"urn:penstock:flow:{job.record}:job:{job.job_id}"
    details = RunDetails(
        builder=Builder(id=builder),
        metadata=BuildMetadata(invocation_id=invocation, finished_on=finished_on),
    )
    predicate = SlsaProvenance(build_definition=_definition_of(job), run_details=details)
    return ProvenanceStatement(subject=(artifact,), predicate=predicate)


def _definition_of(job: Job) -> BuildDefinition:
    source, repository = job.source, f"{job.source.forge}/{job.source.repository}"
    parameters = BuildParameters(
        repository=repository,
        ref=source.ref,
        component=job.component or "",
        run=job.run,
        workdir=job.workdir,
        env=job.variables,
        secrets=tuple(sorted(set(job.secrets.values()))),
        inputs=source.inputs,
    )
    commit = Resource(
        uri=f"git+penstock://{repository}@{source.ref}", digest={"gitCommit": source.sha}
    )
    snapshot = Resource(name=source.snapshot.key, digest={"sha256": source.snapshot.sha256})
    return BuildDefinition(
        external_parameters=parameters,
        internal_parameters=BuildInternals(flow=job.record, job=job.job_id, trust=job.trust),
        resolved_dependencies=(commit, snapshot),
    )
