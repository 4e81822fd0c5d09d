"""Stores plans in the artifact bucket; events and records point at them."""

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol

from pydantic import ValidationError

from penstock_shared.contracts.plan import ObjectRef, Plan
from penstock_shared.errors import RefusedMessageError
from penstock_shared.object_keys import ObjectKind, object_key

REMEMBERED_BYTES = 4_000_000
"""The most bytes of JSON of all plans that a container remembers."""


class Objects(Protocol):
    """A bucket."""

    def put(self, key: str, body: bytes) -> None:
        """Write an object."""
        ...

    def get_verified(self, key: str, sha256: str) -> bytes:
        """Read an object. Raises OtherContentError if its content has another SHA-256."""
        ...


@dataclass(frozen=True)
class Plans:
    """The plans in a bucket. Plans never change, so the latest ones are remembered."""

    objects: Objects
    _known: dict[ObjectRef, Plan] = field(default_factory=dict, compare=False)

    def store(self, plan: Plan) -> ObjectRef:
        """Write a plan to the bucket; returns the reference to it."""
        reference = store_plan(self.objects, plan)
        self._remember(reference, plan)
        return reference

    def load(self, reference: ObjectRef) -> Plan:
        """The plan that the reference names.

        Raises RefusedMessageError when the object is not the one that was meant.
        """
        plan = self._known.pop(reference, None) or load_plan(self.objects, reference)
        self._remember(reference, plan)
        return plan

    def _remember(self, reference: ObjectRef, plan: Plan) -> None:
        """Remember this plan, and forget the oldest ones beyond the limit."""
        self._known[reference] = plan
        while sum(known.size for known in self._known) > REMEMBERED_BYTES and len(self._known) > 1:
            del self._known[next(iter(self._known))]


def store_plan(objects: Objects, plan: Plan) -> ObjectRef:
    """Write a plan to the bucket; returns the reference to it."""
    reference, body = _as_object(plan)
    objects.put(reference.key, body)
    return reference


def plan_reference(plan: Plan) -> ObjectRef:
    """The reference to a plan. Equal plans are the same object."""
    return _as_object(plan)[0]


def load_plan(objects: Objects, reference: ObjectRef) -> Plan:
    """Read the plan that an event points at.

    Raises RefusedMessageError when the object is not the one that was meant.
    """
    body = objects.get_verified(reference.key, reference.sha256)
    try:
        return Plan.model_validate_json(body)
    except ValidationError as error:
        raise RefusedMessageError(f"{reference.key} is no plan: {error.errors()[0]}") from error


def _as_object(plan: Plan) -> tuple[ObjectRef, bytes]:
    body = plan.model_dump_json(exclude_none=True).encode()
    digest = sha256(body).hexdigest()
    key = object_key(ObjectKind.PLAN, plan.trust, f"{plan.flow_id}-{digest[:16]}.json")
    return ObjectRef(key=key, sha256=digest, size=len(body)), body
