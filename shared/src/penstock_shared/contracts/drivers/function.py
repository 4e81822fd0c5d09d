"""Driver `lambda`: deploys a Lambda function."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from penstock_shared.contracts.drivers.base import DeployRecipe

ALIAS = "live"
OUTPUT = "FUNCTION"


class LambdaDeploy(DeployRecipe):
    """Deploy as a Lambda function, named `<function>-<stage of the environment>`."""

    driver: Literal["lambda"] = "lambda"
    needs_artifact: ClassVar[bool] = True
    named_by: ClassVar[str] = "function"
    function: str = Field(pattern=r"^[A-Za-z0-9_-]{1,50}$")
    handler: str = "handler.handler"
    runtime: str = "python3.13"
    architecture: Literal["x86_64", "arm64"] = "x86_64"
    memory: int = Field(default=128, ge=128, le=10240, description="MB")
    timeout: int = Field(default=30, ge=1, le=900, description="seconds")
    role: str = Field(default="", pattern=r"^[A-Za-z0-9_-]{0,30}$")
    """A role of the component's own, `penstock-<stage>-component-<role>-<stage of the
    environment>`."""

    def outputs(self, stage: str) -> Mapping[str, str]:
        """The address that dependents call."""
        return {OUTPUT: f"{self.deployed_name(stage)}:{ALIAS}"}

    def deployed_name(self, stage: str) -> str:
        """The function's full name."""
        return f"{self.function}-{stage}"
