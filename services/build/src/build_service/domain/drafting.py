"""What the worker asks of the planner, and what it believes of the answer.

The planner reads what strangers wrote, and has the rights to store snapshots only. Should somebody
take it over, then its answer still concerns no flow but the one that was asked about, and goes no
further than its repository's registration allows.
"""

import base64
import zlib
from dataclasses import dataclass
from typing import Protocol

from pydantic import ValidationError

from build_service.domain.errors import (
    BuildError,
    OvertakenError,
    SkippedError,
    SourceUnavailableError,
)
from build_service.domain.limits import PLAN_BYTES
from build_service.domain.source import MergeRef
from penstock_shared.contracts.change import Change, Trust
from penstock_shared.contracts.model import Contract, FlowId
from penstock_shared.contracts.plan import Plan, PlannedComponent, PlannedRelease
from penstock_shared.contracts.registration import Allowance
from penstock_shared.contracts.registry import ReadCredential
from penstock_shared.errors import PenstockError
from penstock_shared.object_keys import ObjectKind, object_key

ANSWER_BYTES = 5_000_000
"""The most bytes of an answer; Lambda returns no more than 6 MB:
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
_LONGEST_REFUSAL = 20_000


class PlanRequest(Contract):
    """Plan this change for this flow. It holds a secret, so it is never logged."""

    flow_id: FlowId
    change: Change
    trust: Trust
    allowance: Allowance
    credential: ReadCredential | None = None
    merge: MergeRef | None = None


class PlanAnswer(Contract):
    """A plan (JSON, compressed by zlib, in base64) or the reason for there being none.

    `head` is the commit of the change's ref when it was fetched. `may_pass` says that the same
    request may succeed later, `overtaken` that the ref has gone on, `is_skipped` that the commit
    asks for no flow.
    """

    plan: str = ""
    head: str = ""
    refusal: str = ""
    may_pass: bool = False
    overtaken: bool = False
    is_skipped: bool = False


@dataclass(frozen=True)
class PlanDraft:
    """A plan without known artifacts, and the head of its ref."""

    plan: Plan
    head: str


class PlanDrafter(Protocol):
    """Turns a change into a draft."""

    def draft(self, request: PlanRequest) -> PlanDraft:
        """The draft of this flow.

        Raises BuildError, OvertakenError if the change's ref has gone on, or
        SourceUnavailableError if the same request may succeed later.
        """
        ...


def answer_with(plan: Plan, head: str) -> PlanAnswer:
    """The answer that carries a plan. Raises BuildError if it is too large for one."""
    text = plan.model_dump_json(exclude_none=True).encode()
    packed = base64.b64encode(zlib.compress(text, 1)).decode()
    if len(packed) > ANSWER_BYTES:
        raise BuildError(
            f"penstock.yml: the plan weighs {len(packed):,} bytes, compressed; the limit is "
            f"{ANSWER_BYTES:,}. Shorten the commands and variables of gates"
        )
    return PlanAnswer(plan=packed, head=head)


def refuse(reason: str, *, may_pass: bool = False, overtaken: bool = False) -> PlanAnswer:
    """The answer that says why there is no plan."""
    shown = reason[:_LONGEST_REFUSAL]
    return PlanAnswer(refusal=shown, may_pass=may_pass, overtaken=overtaken)


def skip(reason: str) -> PlanAnswer:
    """The answer for a commit that asks for no flow."""
    return PlanAnswer(refusal=reason, is_skipped=True)


def draft_in(answer: PlanAnswer, request: PlanRequest) -> PlanDraft:
    """The draft that an answer carries. Raises what it refuses with, and BuildError for a plan of
    something else than what was asked about.
    """
    if answer.refusal:
        raise _refusal(answer)
    try:
        plan = Plan.model_validate_json(_unpacked(answer.plan))
    except (ValidationError, ValueError, zlib.error) as error:
        raise BuildError(f"the planner's answer is no plan: {type(error).__name__}") from error
    for strange in _strange(plan, request):
        raise BuildError(f"the planner's answer is refused: it has {strange}")
    return PlanDraft(plan, answer.head)


def _refusal(answer: PlanAnswer) -> PenstockError:
    if answer.overtaken:
        return OvertakenError(answer.refusal)
    if answer.is_skipped:
        return SkippedError(answer.refusal)
    return (SourceUnavailableError if answer.may_pass else BuildError)(answer.refusal)


def _unpacked(packed: str) -> bytes:
    text = zlib.decompressobj().decompress(base64.b64decode(packed, validate=True), PLAN_BYTES + 1)
    if len(text) > PLAN_BYTES:
        raise ValueError("too large")
    return text


def _strange(plan: Plan, request: PlanRequest) -> list[str]:
    """What a plan has that the worker did not ask for, or that the registration does not allow."""
    allowance = request.allowance
    checks = {
        "another flow": plan.flow_id != request.flow_id,
        "another change": plan.change != request.change,
        "another trust": plan.trust is not request.trust,
        "a merge commit of no pull request": bool(plan.merge) and request.merge is None,
        "another number of jobs at once": plan.jobs_at_once != allowance.jobs_at_once,
        "another snapshot": not plan.snapshot.key.startswith(
            object_key(ObjectKind.SNAPSHOT, request.trust, "")
        ),
        "an artifact of another flow": any(
            not _is_own(component, request) for component in plan.components
        ),
        "a name outside of the deploy prefix": any(
            not _is_allowed(component, allowance) for component in plan.components
        ),
        "a release that is not allowed": not _may_release(plan.release, allowance),
    }
    return [what for what, found in checks.items() if found]


def _is_own(component: PlannedComponent, request: PlanRequest) -> bool:
    artifact = component.artifact
    own = object_key(ObjectKind.ARTIFACT, request.trust, "")
    return artifact is None or (artifact.key.startswith(own) and request.flow_id in artifact.key)


def _is_allowed(component: PlannedComponent, allowance: Allowance) -> bool:
    deploy = component.deploy
    return not (deploy and deploy.named_by) or str(getattr(deploy, deploy.named_by)).startswith(
        allowance.deploy_prefix
    )


def _may_release(release: PlannedRelease | None, allowance: Allowance) -> bool:
    if release is None:
        return True
    places = [place for place in (release.staging, release.production) if place]
    bakes = bool(release.staging) and release.bake >= allowance.least_bake
    return (bakes or not allowance.least_bake) and all(
        allowance.reaches(place.name) and allowance.reaches(place.stage) for place in places
    )
