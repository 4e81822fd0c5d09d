"""Asks the functions that read what strangers wrote, one for each trust."""

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from build_service.domain.drafting import PlanAnswer, PlanDraft, PlanRequest, draft_in
from build_service.domain.errors import PlanningError


@dataclass(frozen=True)
class PlannerFunction:
    """The planners behind a Lambda client. The name of each is the prefix and its trust."""

    client: Any
    prefix: str

    def draft(self, request: PlanRequest) -> PlanDraft:
        """The planner's draft; see PlanDrafter. Also raises what AWS raises."""
        payload = request.model_dump_json(exclude_none=True).encode()
        function = f"{self.prefix}{request.trust}"
        answer = self.client.invoke(FunctionName=function, Payload=payload)
        try:
            found = PlanAnswer.model_validate_json(answer["Payload"].read())
        except ValidationError as error:
            # Lambda answers with an error of its own where a function ends without an answer.
            raise PlanningError(
                f"could not plan commit {request.change.sha[:12]} of {request.change.repository}: "
                "the planner ran out of time or memory, or failed; its log says which"
            ) from error
        return draft_in(found, request)
