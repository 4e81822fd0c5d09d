"""What the deployer says to itself. Nobody else reads these two."""

from enum import StrEnum
from typing import ClassVar

from penstock_shared.contracts.event import EventData, Queue
from penstock_shared.contracts.model import Name


class Direction(StrEnum):
    """Whether a component is brought in or taken back."""

    DEPLOY = "deploy"
    ROLLBACK = "rollback"


class DeploymentCalled(EventData):
    """The environment of a deployment that waits has decided about it."""

    type: ClassVar = "deployment-called"
    channel: ClassVar = Queue("deployer")
    advances: ClassVar = False
    deployment_id: str
    token: int

    def identity(self) -> str:
        """One call per deployment and change of hands."""
        return f"{self.deployment_id}:{self.token}"

    def strands(self, flow_id: str) -> str | None:
        """The flow that is called, whichever flow's end let it have the environment."""
        return self.deployment_id.partition(".")[0]


class DeployComponentRequested(EventData):
    """Bring one component in, or take it back, with AWS calls that may take a while."""

    type: ClassVar = "deploy-component-requested"
    channel: ClassVar = Queue("deployer-steps")
    advances: ClassVar = False
    deployment_id: str
    component: Name
    direction: Direction
    token: int

    def identity(self) -> str:
        """One request per component and direction."""
        return f"{self.deployment_id}:{self.component}:{self.direction}"
