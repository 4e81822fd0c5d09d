"""`deploy: {driver: command}` in `penstock.yml`."""

from typing import Annotated

from pydantic import Field

from penstock_shared.configuration.drivers.base import DeploySection
from penstock_shared.configuration.fields import (
    LONGEST_COMMAND,
    Command,
    JobTimeout,
    SecretVariables,
    Variables,
)
from penstock_shared.contracts.drivers.command import CommandDeploy


class CommandDeploySection(CommandDeploy, DeploySection):
    """Deploy by a command."""

    run: Annotated[str, Field(min_length=1, max_length=LONGEST_COMMAND)]
    rollback: Command = ""
    timeout: JobTimeout = 600
    env: Variables = {}
    secrets: SecretVariables = {}
