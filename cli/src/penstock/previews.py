"""Asks what a flow would do: the function `preview` of build."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from penstock.errors import CommandError
from penstock.functions import ask_function
from penstock_shared.contracts.preview import (
    GateAnswer,
    GateQuestion,
    PreviewAnswer,
    PreviewRequest,
)


@dataclass(frozen=True)
class PreviewClient:
    """The planning of one stage. `client` makes boto3 clients of its AWS."""

    stage: str
    client: Callable[[str], Any]

    def explain(self, question: GateQuestion) -> GateAnswer:
        """What of a gate differs between two flows. Raises as `ask` does."""
        answer = GateAnswer.model_validate(self._asked(question), strict=False)
        if answer.refusal:
            raise CommandError(answer.refusal)
        return answer

    def ask(self, request: PreviewRequest) -> PreviewAnswer:
        """What a flow would do.

        Raises CommandError when there would be none, with the reason, and when the call fails;
        NoStackError when the stage cannot plan.
        """
        answer = PreviewAnswer.model_validate(self._asked(request), strict=False)
        if answer.refusal:
            raise CommandError(answer.refusal)
        return answer

    def _asked(self, request: PreviewRequest | GateQuestion) -> dict[str, Any]:
        function = f"penstock-build-{self.stage}-preview"
        return ask_function(self.client, function, request.model_dump_json(exclude_none=True))
