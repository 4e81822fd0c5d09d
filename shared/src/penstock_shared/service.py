"""The kit that every service is built with: makes its clients, records and entry points from its
settings, each when it is first needed.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

from penstock_shared import aws
from penstock_shared.contracts.events import Phase
from penstock_shared.decisions import Record
from penstock_shared.messaging.consumer import Consumer, GiveUp, Patience
from penstock_shared.messaging.giving_up import FailFlow
from penstock_shared.messaging.publisher import AwsPublisher
from penstock_shared.messaging.routes import Routes
from penstock_shared.observability import Telemetry
from penstock_shared.persistence.dynamodb import RETENTION, DynamoRecordStore
from penstock_shared.persistence.memo import DynamoMemo
from penstock_shared.persistence.outbox import Records
from penstock_shared.persistence.remembering import RememberingRecords
from penstock_shared.proofs import JobProofs
from penstock_shared.results import BelievedResults
from penstock_shared.settings import Settings, read_settings
from penstock_shared.storage import ObjectStore

S = TypeVar("S", bound=Settings)
R = TypeVar("R", bound=Record)

EntryPoint = Callable[[dict[str, Any], Any], dict[str, Any]]
"""A Lambda handler: takes an event and its context, returns a JSON object."""


@dataclass(frozen=True)
class Service(Generic[S]):
    """One service, for example `Service("build", BuildSettings, Phase.BUILD)`.

    If this service gives up a message, people see its flow fail in `phase`; None if the service
    has several phases. A service that no flow waits for has `ends_flows=False`.
    """

    name: str
    settings_model: type[S]
    phase: Phase | None = None
    ends_flows: bool = True

    @cached_property
    def settings(self) -> S:
        """The settings from the environment. Raises ConfigurationError with what is missing."""
        return read_settings(self.settings_model, os.environ)

    @cached_property
    def telemetry(self) -> Telemetry:
        """The service's logs, metrics and traces."""
        return Telemetry(self.name)

    @cached_property
    def publisher(self) -> AwsPublisher:
        """Publishes events on topics and queues."""
        settings = self.settings
        return AwsPublisher(
            aws.client("sns"),
            aws.client("sqs"),
            settings.topic_arn_prefix,
            settings.queue_url_prefix,
        )

    @cached_property
    def objects(self) -> ObjectStore:
        """The artifact bucket."""
        return ObjectStore(aws.client("s3"), self.settings.artifact_bucket)

    @cached_property
    def memo(self) -> DynamoMemo:
        """The memo in the service's own table."""
        return DynamoMemo(aws.client("dynamodb"), self.settings.table_name)

    @property
    def fail_flow(self) -> FailFlow:
        """Fails the flow of a message that cannot be handled."""
        return FailFlow(
            self.publisher,
            self.name,
            self.phase,
            is_proven=self._is_proven,
        )

    def _is_proven(self, body: str) -> bool:
        # The key of the proofs is read only if it is needed.
        return self.job_proofs.holds_in(body)

    @cached_property
    def job_proofs(self) -> JobProofs:
        """The proofs of this service's jobs. Their secret is read once for each cold start."""
        return self.proofs_of(self.name)

    def proofs_of(self, service: str) -> JobProofs:
        """The proofs of the jobs that a service asks for."""
        return JobProofs.of(self._proof_secret, service)

    @cached_property
    def _proof_secret(self) -> str:
        secrets = aws.client("secretsmanager")
        found = secrets.get_secret_value(SecretId=self.settings.job_proof_secret_id)
        return str(found["SecretString"])

    @property
    def believed_results(self) -> BelievedResults:
        """The results of this service's jobs that it believes."""
        return BelievedResults(self.job_proofs, self.telemetry)

    def records(
        self,
        record_type: type[R],
        *,
        lasting: bool = False,
        remembering: bool = False,
        listed_as: str = "",
    ) -> Records[R]:
        """Records of one type in the service's table, with their outbox.

        With `lasting` they never expire. `remembering` saves reads if the process that wrote a
        record last is usually the one that changes it next. `Records.listed` lists those that have
        a name to be `listed_as`.
        """
        store = DynamoRecordStore(
            aws.client("dynamodb"),
            self.settings.table_name,
            record_type,
            retention=None if lasting else RETENTION,
            objects=self.objects,
            listed_as=listed_as,
        )
        kind = RememberingRecords if remembering else Records
        return kind(store, self.publisher, f"penstock/{self.name}")

    def consumer(
        self,
        routes: Routes,
        *,
        queue: str = "",
        give_up: GiveUp | None = None,
        patience: Patience = Patience(),  # noqa: B008  # frozen
    ) -> EntryPoint:
        """The entry point behind a queue, by default the service's own.

        Giving up a message fails its flow, unless `give_up` replaces that.
        """
        name = queue or self.name

        def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
            if name not in self._consumers:
                self._consumers[name] = self._consumer(routes, name, give_up, patience)
            return self._consumers[name](event, context)

        return handler

    def sweep(self, make: Callable[[], Callable[[], int]]) -> EntryPoint:
        """The entry point behind a schedule. It returns how many records were checked."""

        def handler(_event: dict[str, Any], _context: Any) -> dict[str, Any]:
            return {"looked_at": make()()}

        return handler

    @cached_property
    def _consumers(self) -> dict[str, Consumer]:
        return {}

    def _consumer(
        self, routes: Routes, queue: str, give_up: GiveUp | None, patience: Patience
    ) -> Consumer:
        url = f"{self.settings.queue_url_prefix}{queue}"
        fail_flow = self.fail_flow if self.ends_flows else None
        return Consumer(
            aws.client("sqs"),
            url,
            f"{url}-dlq",
            self.telemetry,
            routes,
            give_up or fail_flow,
            patience,
        )
