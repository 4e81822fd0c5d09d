"""Builds the service from its settings: the only module that makes clients."""

from functools import cache

from answers_service.adapters.credentials import SecretsManagerCredentials
from answers_service.domain.flow import AnsweredFlow
from answers_service.domain.place import AnswerPlace
from answers_service.domain.ports import ForgeApi, Forges
from answers_service.settings import AnswersSettings
from answers_service.use_cases.follow_flow import FollowFlow
from answers_service.use_cases.tell import Tell
from penstock_shared import aws
from penstock_shared.clock import utc_now
from penstock_shared.contracts.answers import WriteCredential
from penstock_shared.persistence.outbox import Records
from penstock_shared.plans import Plans
from penstock_shared.service import Service

SERVICE = Service("answers", AnswersSettings, ends_flows=False)


@cache
def follow_flow() -> FollowFlow:
    """The use case behind every event."""
    credentials = SecretsManagerCredentials(
        aws.client("secretsmanager"), SERVICE.settings.write_credentials
    )
    flows: Records[AnsweredFlow] = SERVICE.records(AnsweredFlow, remembering=True)
    tell = Tell(SERVICE.records(AnswerPlace, remembering=True), utc_now)
    return FollowFlow(flows, Plans(SERVICE.objects), credentials, api_of, tell)


def api_of(forge: str, credential: WriteCredential) -> ForgeApi | None:
    """The API of a forge: see Forges."""
    return known_forges()(forge, credential)


@cache
def known_forges() -> Forges:
    """The APIs of all forges."""
    # Importing urllib3 is slow, and only telling needs it.
    from answers_service.adapters.forges import KnownForges

    return KnownForges()
