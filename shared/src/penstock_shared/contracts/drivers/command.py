"""Driver `command`: deploys by any command that a runner can execute."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from penstock_shared.contracts.drivers.base import DeployRecipe
from penstock_shared.contracts.model import Seconds
from penstock_shared.contracts.secrets import Secrets


class CommandDeploy(DeployRecipe):
    """Deploy by a command that a runner executes; `rollback` undoes it."""

    driver: Literal["command"] = "command"
    run: str = Field(min_length=1)
    rollback: str = ""
    timeout: Seconds = 600
    secrets: Secrets = {}

    def commands(self) -> Mapping[str, str]:
        """The commands of deploying and of rolling back."""
        return {"run": self.run, "rollback": self.rollback}

    def secrets_of_jobs(self) -> Mapping[str, str]:
        """The secrets that both commands are given."""
        return self.secrets
