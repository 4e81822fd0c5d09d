"""Asks the function that reads what strangers wrote."""

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from build_service.domain.drafting import PlanAnswer, PlanDraft, PlanRequest, draft_in
from build_service.domain.errors import PlanningError


@dataclass(frozen=True)
class PlannerFunction:
    """The planner behind a Lambda client."""

    client: Any
    function: str

    def draft(self, request: PlanRequest) -> PlanDraft:
        """The planner's draft; see PlanDrafter. Also raises what AWS raises."""
        payload = request.model_dump_json(exclude_none=True).encode()
        answer = self.client.invoke(FunctionName=self.function, Payload=payload)
        try:
            found = PlanAnswer.model_validate_json(answer["Payload"].read())
        except ValidationError as error:
            # Lambda answers with an error of its own where a function ends without an answer.
            raise PlanningError(
                f"could not plan commit {request.change.sha[:12]} of {request.change.repository}: "
                "the planner ran out of time or memory, or failed; its log says which"
            ) from error
        return draft_in(found, request)
