"""The webhook of Gitea and of Forgejo: verifies and reads its deliveries.

Formats: https://docs.gitea.com/usage/repository/webhooks and
https://forgejo.org/docs/latest/user/webhooks/; the fields are those of
https://github.com/go-gitea/gitea/blob/main/modules/structs/hook.go, and the headers those of
`services/webhook/deliver.go` there. Payloads resemble GitHub's. The signature is the HMAC without a
prefix, and a push to a pull request is the action `synchronized`. Neither keeps merge commits of
pull requests (https://github.com/go-gitea/gitea/issues/13134), so heads are checked.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from build_service.adapters.forges.github import (
    PullRequestEvent,
    PushPayload,
    pull_requested,
    pushed,
)
from build_service.adapters.forges.payloads import (
    delivery_of,
    hmac_sha256,
    json_of,
    nothing_starts_on,
    nothing_starts_when,
    part_of,
    refuse_unless_known,
)
from build_service.domain.delivery import MergeRefs, Said

SIGNATURE_HEADERS = ("x-forgejo-signature", "x-gitea-signature")
DELIVERY_HEADERS = ("x-forgejo-delivery", "x-gitea-delivery")
ACTIONS = ("opened", "synchronized", "reopened", "closed")
"""What happens to a pull request that changes whether, and at which commit, it is checked. An
`edited` one may have another base, or have become ready: its title says what is a draft."""


class GiteaWebhook:
    """The webhook of repositories on Gitea or Forgejo. Forgejo sends Gitea's headers too."""

    event_header: ClassVar[str] = "x-gitea-event"
    merges: ClassVar[MergeRefs] = MergeRefs()

    def verify(
        self, secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: datetime
    ) -> None:
        """See ForgeWebhook. Gitea does not sign the time of a delivery."""
        given = delivery_of(headers, *SIGNATURE_HEADERS)
        expected = [hmac_sha256(secret, body) for secret in secrets]
        refuse_unless_known([given], expected, SIGNATURE_HEADERS[1])

    def read(self, headers: Mapping[str, str], body: bytes) -> Sequence[Said]:
        """See ForgeWebhook."""
        payload, event = json_of(headers, body), headers.get(self.event_header, "")
        delivery = delivery_of(headers, *DELIVERY_HEADERS)
        if event == "push":
            return [pushed(part_of(PushPayload, "push", payload), delivery)]
        # A push to a pull request has an event of its own in the webhook's settings, and in the
        # header of some versions.
        if event in {"pull_request", "pull_request_sync"}:
            return [_pull_requested(payload, delivery)]
        return nothing_starts_on(event)


def _pull_requested(payload: Any, delivery_id: str) -> Said:
    event = part_of(PullRequestEvent, "pull request", payload)
    if event.action not in (*ACTIONS, "edited"):
        return nothing_starts_when("pull request", event.action)
    return pull_requested(event, delivery_id)
