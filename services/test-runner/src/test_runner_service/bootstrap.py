"""Builds the service from its settings: the only module that makes clients."""

from functools import cache

from penstock_shared.clock import utc_now
from penstock_shared.contracts.events import Phase
from penstock_shared.persistence.outbox import Records
from penstock_shared.persistence.sweep import Sweep
from penstock_shared.plans import Plans
from penstock_shared.service import Service
from penstock_shared.settings import Settings
from test_runner_service.domain.run import TestRun, overdue
from test_runner_service.use_cases.record_job import RecordGateJob
from test_runner_service.use_cases.start_environment_run import StartEnvironmentRun
from test_runner_service.use_cases.start_run import StartRun
from test_runner_service.use_cases.stop_run import StopRun

SERVICE = Service("test-runner", Settings, Phase.TEST)


@cache
def records() -> Records[TestRun]:
    """The test-runs table, with its outbox."""
    return SERVICE.records(TestRun)


@cache
def start_run() -> StartRun:
    """The use case behind `build-completed`."""
    return StartRun(records(), plans(), SERVICE.memo, SERVICE.job_proofs, utc_now)


@cache
def start_environment_run() -> StartEnvironmentRun:
    """The use case behind `deploy-done`."""
    return StartEnvironmentRun(records(), plans(), SERVICE.job_proofs, utc_now)


@cache
def record_job() -> RecordGateJob:
    """The use case behind `job-finished`."""
    return RecordGateJob(
        records(), SERVICE.objects, plans(), SERVICE.memo, SERVICE.believed_results, utc_now
    )


@cache
def stop_run() -> StopRun:
    """The use case behind `flow-stopped`."""
    return StopRun(records(), plans(), SERVICE.memo)


@cache
def sweep() -> Sweep[TestRun]:
    """The use case behind the schedule."""
    return Sweep(
        records(),
        SERVICE.telemetry,
        lambda run, now: overdue(run, plans().load, now),
        lambda _key, run: run.flow_id,
    )


@cache
def plans() -> Plans:
    """The plans of flows, which this container remembers."""
    return Plans(SERVICE.objects)
