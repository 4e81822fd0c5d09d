"""Plans lie in the artifact bucket; events point at them."""

from hashlib import sha256

from pydantic import ValidationError

from penstock_shared.contracts.plan import ObjectRef, Plan
from penstock_shared.errors import RefusedMessageError
from penstock_shared.storage import ObjectStore


def store_plan(objects: ObjectStore, plan: Plan) -> None:
    """Put a finished plan where `plan_reference` says that it is."""
    reference, body = _as_object(plan)
    objects.put(reference.key, body)


def plan_reference(plan: Plan) -> ObjectRef:
    """Where a plan lies: equal plans are equal objects."""
    return _as_object(plan)[0]


def load_plan(objects: ObjectStore, reference: ObjectRef) -> Plan:
    """Read the plan that an event points at.

    Raises RefusedMessageError when the object is not the one that was meant.
    """
    body = objects.get(reference.key)
    if sha256(body).hexdigest() != reference.sha256:
        raise RefusedMessageError(f"{reference.key} is not the plan that the event was sent with")
    try:
        return Plan.model_validate_json(body)
    except ValidationError as error:
        raise RefusedMessageError(f"{reference.key} is no plan: {error.errors()[0]}") from error


def _as_object(plan: Plan) -> tuple[ObjectRef, bytes]:
    body = plan.model_dump_json(exclude_none=True).encode()
    digest = sha256(body).hexdigest()
    key = f"plans/{plan.flow_id}-{digest[:16]}.json"
    return ObjectRef(key=key, sha256=digest, size=len(body)), body
