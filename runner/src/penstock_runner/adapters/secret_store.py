"""The values of secrets, from Secrets Manager, by the runner's own role."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from penstock_runner.errors import JobError
from penstock_shared.aws import errors
from penstock_shared.contracts.change import Trust
from penstock_shared.contracts.jobs import Job
from penstock_shared.contracts.secrets import SecretPlace, StoredSecret

_FORBIDDEN = "AccessDeniedException"


@dataclass(frozen=True)
class SecretsManager:
    """The secrets of a stage. `client` is a boto3 client.

    A value is read when a job starts and kept by nobody, so the next job has the newest one.
    """

    client: Any
    stage: str

    def values_of(self, job: Job) -> Mapping[str, str]:
        """See SecretStore. Raises what boto3 raises when Secrets Manager cannot be reached."""
        if job.trust is Trust.FORK:
            names = ", ".join(sorted(set(job.secrets.values())))
            raise JobError(f"no job of a fork is given secrets: {names}")
        known = {name: self._value_of(name, job) for name in sorted(set(job.secrets.values()))}
        return {variable: known[name] for variable, name in job.secrets.items()}

    def _value_of(self, name: str, job: Job) -> str:
        source = job.source
        place = SecretPlace(self.stage, source.forge, source.repository, job.environment or "")
        for each in place.looked_in():
            stored = self._stored(each.id_of(name), name)
            if stored and stored.is_for(job.trust):
                return stored.value
            if stored:
                raise JobError(
                    f"secret {name} is for jobs of trust {stored.trust}, and this job's is "
                    f"{job.trust}; give it one that was set with `--trust {job.trust}`, under "
                    "another name"
                )
        raise JobError(_missing(name, job))

    def _stored(self, secret_id: str, name: str) -> StoredSecret | None:
        try:
            text = self.client.get_secret_value(SecretId=secret_id)["SecretString"]
            return StoredSecret.model_validate_json(text)
        except errors.ClientError as error:
            if errors.was_not_found(error):
                return None
            if error.response["Error"]["Code"] == _FORBIDDEN:
                raise JobError(f"this runner may not read secret {name}: {secret_id}") from error
            raise
        except (KeyError, ValidationError):
            # Neither is a cause to show: their texts may quote the value.
            raise JobError(
                f"secret {name} was not written by `penstock secret set`: {secret_id}"
            ) from None


def _missing(name: str, job: Job) -> str:
    of = f"{job.source.forge}/{job.source.repository}"
    for_it = f", for environment {job.environment} or for any" if job.environment else ""
    scope = f" --environment {job.environment}" if job.environment else ""
    return (
        f"{of} has no secret {name}{for_it}; `penstock secret set {name} --repository "
        f"{job.source.repository}{scope}` stores one"
    )
