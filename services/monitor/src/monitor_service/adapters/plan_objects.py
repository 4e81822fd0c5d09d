"""Plans in the artifact bucket. They never change, so a warm function reads each once."""

from collections import OrderedDict
from dataclasses import dataclass, field

from penstock_shared.aws import errors
from penstock_shared.contracts.plan import ObjectRef, Plan
from penstock_shared.errors import RefusedMessageError
from penstock_shared.observability import Telemetry
from penstock_shared.plans import load_plan
from penstock_shared.storage import ObjectStore

REMEMBERED = 200


@dataclass(frozen=True)
class PlanObjects:
    """Reads plans. One that has expired, or that this version cannot read, is as good as none."""

    objects: ObjectStore
    telemetry: Telemetry
    known: OrderedDict[str, Plan] = field(default_factory=OrderedDict)

    def plan(self, reference: ObjectRef) -> Plan | None:
        """The plan that a flow points at; None if it cannot be read."""
        if reference.key not in self.known:
            plan = self._read(reference)
            return self._remember(reference.key, plan) if plan else None
        self.known.move_to_end(reference.key)
        return self.known[reference.key]

    def _remember(self, key: str, plan: Plan) -> Plan:
        self.known[key] = plan
        if len(self.known) > REMEMBERED:
            self.known.popitem(last=False)
        return plan

    def _read(self, reference: ObjectRef) -> Plan | None:
        try:
            return load_plan(self.objects, reference)
        except errors.ClientError as error:
            # Without the right to list the bucket, S3 says 403 of what is not there.
            if error.response["ResponseMetadata"]["HTTPStatusCode"] not in {403, 404}:
                raise
            reason = "it is not there"
        except RefusedMessageError as error:
            reason = str(error)
        self.telemetry.logger.warning("plan not read", key=reference.key, reason=reason)
        return None
