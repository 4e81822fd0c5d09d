"""The environment of a deployment that waits has decided about it."""

from dataclasses import dataclass

from deployer_service.domain.messages import DeploymentCalled
from deployer_service.use_cases.ledger import Ledger
from penstock_shared.contracts.event import Event
from penstock_shared.decisions import Cause


@dataclass(frozen=True)
class CallDeployment:
    """Tells a deployment to look at its environment."""

    ledger: Ledger

    def __call__(self, event: Event[DeploymentCalled], cause: Cause) -> None:
        """Follow up. A deployment that is not there yet looks for itself once it is."""
        self.ledger.follow_up(self.ledger.deployments.resume(event.data.deployment_id), cause)
