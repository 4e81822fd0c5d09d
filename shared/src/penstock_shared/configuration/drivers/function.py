"""`deploy: {driver: lambda}` in `penstock.yml`."""

import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from pydantic import BeforeValidator

from penstock_shared.configuration.drivers.base import DeploySection
from penstock_shared.configuration.fields import Variables, mistake
from penstock_shared.configuration.wording import alternatives, did_you_mean, quoted
from penstock_shared.contracts.drivers.function import LambdaDeploy

_LONGEST_FUNCTION = 64
"""Characters of a function's full name:
https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html"""
_OWN = "penstock-"
_RUNTIMES = ("python3.13", "nodejs22.x", "java21", "dotnet8", "ruby3.4", "provided.al2023")
_RUNTIME = re.compile(
    r"python3\.[0-9]{1,2}|nodejs[0-9]{2}\.x|java[0-9]{1,2}(\.al2)?|dotnet[0-9]{1,2}"
    r"|ruby[0-9]\.[0-9]|provided\.al[0-9]{1,4}"
)
"""https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html, and those that will follow."""


def _runtime(value: Any) -> Any:
    if isinstance(value, str) and not _RUNTIME.fullmatch(value):
        raise mistake(
            f"{quoted(value)} is no runtime of Lambda"
            f"{did_you_mean(value, _RUNTIMES) or f'; there are {alternatives(_RUNTIMES)}'}"
        )
    return value


class LambdaDeploySection(LambdaDeploy, DeploySection):
    """Deploy as a Lambda function."""

    runtime: Annotated[str, BeforeValidator(_runtime)] = "python3.13"
    env: Variables = {}

    def broken_rules(self, stages: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Names that Penstock reserves, and names longer than Lambda allows."""
        if f"{self.function.lower()}-".startswith(_OWN):
            yield "function", f"names that begin with {_OWN} are Penstock's own functions"
        for stage in stages:
            name = self.deployed_name(stage)
            if len(name) > _LONGEST_FUNCTION:
                yield (
                    "function",
                    f"{name} is longer than the {_LONGEST_FUNCTION} characters of AWS",
                )
