"""What the domain asks of those who really deploy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar, Protocol

from deployer_service.domain.deployment.model import Deployment
from deployer_service.domain.deployment.step import Step
from penstock_shared.contracts.event import EventData
from penstock_shared.contracts.events import JobRequested
from penstock_shared.contracts.jobs import Job


@dataclass(frozen=True)
class NoWayBack:
    """A component cannot be taken back, and why."""

    reason: str


RequestJob = Callable[[str, Job], JobRequested]
"""Makes the request of a flow's job."""


class Driver(Protocol):
    """One way to deploy. Says what has to be asked for; whoever does it reports a StepResult."""

    verifies: ClassVar[bool]
    """Whether a step succeeds only after its driver has seen that what it left is served."""

    def deploy(self, deployment: Deployment, step: Step) -> EventData:
        """The request that brings the component in."""
        ...

    def roll_back(self, deployment: Deployment, step: Step) -> EventData | NoWayBack:
        """The request that takes the component back to `step.target`."""
        ...

    def patience(self, step: Step) -> timedelta:
        """How long after the request an answer is waited for."""
        ...

    def lingers(self, step: Step) -> timedelta:
        """How long after its flow was stopped a deploy request may still be at work; nothing when
        whoever works on it asks for its lease before each write.
        """
        ...


@dataclass(frozen=True)
class DecisionContext:
    """What a decision about a deployment needs besides the deployment: the drivers, by the name
    that `deploy.driver` has in `penstock.yml`, and the time.
    """

    drivers: Mapping[str, Driver]
    now: datetime

    def of(self, step: Step) -> Driver:
        """The driver of a step."""
        return self.drivers[step.driver]

    def deadline(self, step: Step) -> datetime:
        """Until when a step that starts now may take."""
        return self.now + self.of(step).patience(step)


@dataclass(frozen=True)
class Performed:
    """What a performer left behind: see Deployed for the meaning."""

    revision: str = ""
    outputs: dict[str, str] = field(default_factory=dict)


class Performer(Protocol):
    """Does a driver's work with AWS calls, in the function behind the `deployer-steps` queue.

    `still_ours` is to be called right before each write; it raises LeaseLostError. Everything may
    be asked for twice. Raises StepFailedError when trying again will not help.
    """

    def deploy(
        self, deployment: Deployment, step: Step, still_ours: Callable[[], None]
    ) -> Performed:
        """Bring the component in, and see that it is there."""
        ...

    def roll_back(self, deployment: Deployment, step: Step, still_ours: Callable[[], None]) -> None:
        """Take the component back to `step.target`, and see that it is."""
        ...
