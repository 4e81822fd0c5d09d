"""Has a change planned as its repository's registration says."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from build_service.domain.delivery import ForgeWebhook
from build_service.domain.drafting import PlanDraft, PlanDrafter, PlanRequest
from build_service.domain.errors import BuildError, SourceError
from build_service.domain.source import MergeRef
from build_service.domain.trust import trust_of
from build_service.use_cases.registry import FRESH, KEPT, Registry
from penstock_shared.contracts.change import Change, Forge
from penstock_shared.contracts.registration import (
    CredentialKind,
    RegisteredRepository,
    repository_id,
)
from penstock_shared.contracts.registry import ReadCredential


@dataclass(frozen=True)
class RegisteredPlanner:
    """Asks the planner for what the registry allows, with the registered address and credential."""

    registry: Registry
    planner: PlanDrafter
    forges: Mapping[Forge, ForgeWebhook]

    def draft(self, flow_id: str, change: Change) -> PlanDraft:
        """The draft of a change's plan; its clone address counts for nothing.

        Refuses no change because of a registration that has changed meanwhile. Raises BuildError,
        OvertakenError, or SourceUnavailableError if a retry may help.
        """
        registered = self._registration_of(change, KEPT)
        try:
            return self._draft_as(registered, KEPT, flow_id, change)
        except BuildError:
            newest = self._registration_of(change, FRESH)
            if newest == registered:
                raise
        return self._draft_as(newest, FRESH, flow_id, change)

    def _draft_as(
        self, registered: RegisteredRepository, age: timedelta, flow_id: str, change: Change
    ) -> PlanDraft:
        # The address may have changed since the push.
        change = change.model_copy(update={"clone_url": registered.clone_url})
        return self.planner.draft(
            PlanRequest(
                flow_id=flow_id,
                change=change,
                trust=trust_of(change, registered.allowance.protected),
                allowance=registered.allowance,
                credential=self._credential_of(registered, age),
                merge=self._merge_of(change),
            )
        )

    def _merge_of(self, change: Change) -> MergeRef | None:
        merges = self.forges[change.forge].merges
        if not (change.pull_request and merges.pattern):
            return None
        return MergeRef(
            ref=merges.pattern.format(number=change.pull_request), awaited=merges.always
        )

    def _registration_of(self, change: Change, age: timedelta) -> RegisteredRepository:
        repository = repository_id(change.forge, change.repository)
        known = self.registry.find(repository, age)
        if known is None:
            raise SourceError(
                f"{change.repository} of {change.forge} is not registered: "
                "`penstock repo add` registers it"
            )
        return known

    def _credential_of(
        self, registered: RegisteredRepository, age: timedelta
    ) -> ReadCredential | None:
        if registered.read_with is CredentialKind.NONE:
            return None
        secrets = self.registry.secrets_of(registered.id, age)
        return secrets.credential if secrets else None
