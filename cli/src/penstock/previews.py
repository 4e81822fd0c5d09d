"""Asks what a flow would do: the function `preview` of build."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from penstock.errors import CommandError
from penstock.functions import ask_function
from penstock_shared.contracts.preview import PreviewAnswer, PreviewRequest


@dataclass(frozen=True)
class PreviewClient:
    """The planning of one stage. `client` makes boto3 clients of its AWS."""

    stage: str
    client: Callable[[str], Any]

    def ask(self, request: PreviewRequest) -> PreviewAnswer:
        """What a flow would do.

        Raises CommandError when there would be none, with the reason, and when the call fails;
        NoStackError when the stage cannot plan.
        """
        function = f"penstock-build-{self.stage}-preview"
        payload = request.model_dump_json(exclude_none=True)
        body = ask_function(self.client, function, payload)
        answer = PreviewAnswer.model_validate(body, strict=False)
        if answer.refusal:
            raise CommandError(answer.refusal)
        return answer
