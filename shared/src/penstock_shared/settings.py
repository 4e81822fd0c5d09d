"""Reads a service's settings from its environment, once, at cold start."""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from penstock_shared.errors import ConfigurationError


class Settings(BaseModel):
    """The settings of every service. Fields are the environment's variables, in lower case."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    penstock_stage: str
    table_name: str
    artifact_bucket: str = ""
    topic_arn_prefix: str
    queue_url_prefix: str
    job_proof_secret_id: str = ""
    """Name of the Secrets Manager secret that the keys of job proofs are made from."""


S = TypeVar("S", bound=BaseModel)


def read_settings(model: type[S], environ: Mapping[str, str]) -> S:
    """Read the settings from the environment.

    Raises ConfigurationError, which names the variables that are missing or wrong.
    """
    known = {name: environ[name.upper()] for name in model.model_fields if name.upper() in environ}
    try:
        return model.model_validate(known)
    except ValidationError as error:
        names = sorted({str(problem["loc"][0]).upper() for problem in error.errors()})
        raise ConfigurationError(
            f"environment variables missing or wrong: {', '.join(names)}"
        ) from error
