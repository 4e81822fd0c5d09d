"""An environment runs the release. The role of the environment decides what follows."""

from collections.abc import Callable
from dataclasses import dataclass

from penstock_shared.contracts.event import Event
from penstock_shared.contracts.events import DeployDone, EnvironmentRole
from penstock_shared.decisions import Cause, Outcome
from penstock_shared.persistence.outbox import Records
from release_service.domain import release
from release_service.domain.release import Release
from release_service.use_cases.begin_bake import BeginBake


@dataclass(frozen=True)
class FinishRelease:
    """Finishes the release that production runs."""

    releases: Records[Release]

    def __call__(self, event: Event[DeployDone], cause: Cause) -> Outcome[Release]:
        """Finish the release. It cannot be aborted any more."""
        return self.releases.change(
            event.subject,
            cause,
            lambda known: release.production_done(event.subject, known, event.data),
        )


@dataclass(frozen=True)
class FollowDeployment:
    """Begins a bake, or finishes the release. `begin_bake` makes its use case for the first bake,
    because nothing else needs its clients.
    """

    begin_bake: Callable[[], BeginBake]
    finish_release: FinishRelease

    def __call__(self, event: Event[DeployDone], cause: Cause) -> Outcome[Release] | None:
        """Continue after this deployment. After a preview there is nothing to do."""
        if event.data.role is EnvironmentRole.STAGING:
            return self.begin_bake()(event, cause)
        if event.data.role is EnvironmentRole.PRODUCTION:
            return self.finish_release(event, cause)
        return None
