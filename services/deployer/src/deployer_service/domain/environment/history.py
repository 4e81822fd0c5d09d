"""What an environment runs of one component, and what it ran before."""

from penstock_shared.contracts.drivers import Deploy
from penstock_shared.contracts.jobs import Checkout
from penstock_shared.contracts.model import Contract
from penstock_shared.contracts.plan import ObjectRef

PROVEN_KEPT = 3
"""How many good versions are remembered: more than one, since an abort may cross a promotion."""
UNPROVEN_KEPT = 5
"""How many versions that are not known to be good are remembered behind the current one."""


class Deployed(Contract):
    """One version of a component as it was deployed.

    `version` is the short sha of the change it came with, `revision` the driver's own name for
    it (for `lambda` the number of the published version), `outputs` the variables for its
    dependents. `path`, `source`, `recipe`, `artifact` and `variables` are what it was deployed
    from: a rollback to this version uses them, and nothing of the version that it undoes.
    """

    key: str
    version: str
    flow_id: str
    revision: str = ""
    outputs: dict[str, str] = {}
    artifact: ObjectRef | None = None
    path: str = ""
    source: Checkout | None = None
    recipe: Deploy | None = None
    variables: dict[str, str] = {}

    def same_as(self, other: "Deployed | None") -> bool:
        """Whether the two are the same thing, whichever flows own them."""
        return other is not None and self == other.model_copy(update={"flow_id": self.flow_id})


class Place(Contract):
    """What an environment runs of one component.

    `proven` are the last versions that survived, `unproven` those between them and `current`
    whose flows are still under way; the newest comes first. A place is `unknown` after a step
    that failed and could not be undone: then `current` is None.
    """

    current: Deployed | None = None
    proven: tuple[Deployed, ...] = ()
    unproven: tuple[Deployed, ...] = ()
    unknown: bool = False

    def take(self, deployed: Deployed, *, proven: bool) -> "Place":
        """The place after a deployment."""
        if proven:
            return Place(current=deployed, proven=(deployed, *self.proven)[:PROVEN_KEPT])
        older = self.unproven
        if self.current and self.current not in self.proven:
            older = (self.current, *older)[:UNPROVEN_KEPT]
        return Place(current=deployed, proven=self.proven, unproven=older)

    def prove(self, flow_id: str) -> "Place":
        """The place once this flow's version is known to be good, be it current or not."""
        for index, deployed in enumerate((self.current, *self.unproven)):
            if deployed and deployed.flow_id == flow_id and deployed not in self.proven:
                return Place(
                    current=self.current,
                    proven=(deployed, *self.proven)[:PROVEN_KEPT],
                    unproven=self.unproven[: max(index - 1, 0)],
                    unknown=self.unknown,
                )
        return self

    def good_without(self, flow_id: str) -> Deployed | None:
        """The last version that survived and is not this flow's."""
        return next((deployed for deployed in self.proven if deployed.flow_id != flow_id), None)

    def put_back(self, flow_id: str, target: Deployed | None, *, unknown: bool = False) -> "Place":
        """The place running `target`, or nobody knows what, where this flow's version is none to
        go back to.
        """
        return Place(
            current=None if unknown else target,
            proven=_not_of(flow_id, self.proven),
            unproven=tuple(old for old in _not_of(flow_id, self.unproven) if old != target),
            unknown=unknown,
        )


def _not_of(flow_id: str, versions: tuple[Deployed, ...]) -> tuple[Deployed, ...]:
    return tuple(deployed for deployed in versions if deployed.flow_id != flow_id)
