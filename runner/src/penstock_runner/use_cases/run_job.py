"""Runs one attempt of a job, from its source to its outputs."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from penstock_runner.domain.environment import Host, environment_of
from penstock_runner.domain.hints import MissingFiles
from penstock_runner.domain.interruption import StopCause, StopSignal
from penstock_runner.domain.masking import Mask, mask_of
from penstock_runner.domain.ports import (
    Command,
    OpenLog,
    SecretStore,
    Shell,
    Site,
    Workshop,
)
from penstock_runner.domain.results import SILENT, Ending, LogReport, result_of
from penstock_runner.errors import JobError, JobInterruptedError
from penstock_runner.use_cases.lease import Lease
from penstock_runner.use_cases.share_folders import ShareFolders
from penstock_shared.clock import Clock
from penstock_shared.contracts.jobs import JobOutput, JobResult, JobState

Outputs = Sequence[JobOutput]
Write = Callable[[bytes], None]


@dataclass(frozen=True)
class RunJob:
    """Runs jobs on this machine."""

    workshop: Workshop
    shell: Shell
    secrets: SecretStore
    open_log: OpenLog
    host: Host
    clock: Clock
    share: ShareFolders

    def __call__(self, lease: Lease) -> JobResult | None:
        """The result of the leased attempt.

        None if the lease was lost or the runner shuts down: the job must run again.
        """
        try:
            secrets = self.secrets.values_of(lease.job) if lease.job.secrets else {}
        except JobError as error:
            return self._result(lease, Ending(JobState.FAILED, reason=str(error)))
        mask = mask_of(secrets.values())
        log = self.open_log(stream_of(lease), lease.job.run, mask)
        ended = self._attempt(lease, log.write, secrets)
        report = log.close()
        if ended is None:
            return None
        result = self._result(lease, *ended, report)
        return _masked(result, mask) if mask else result

    def _attempt(
        self, lease: Lease, write: Write, secrets: Mapping[str, str]
    ) -> tuple[Ending, Outputs] | None:
        try:
            with self._site(lease, write) as site:
                return self._carry_out(lease, site, self._command(lease, site, secrets), write)
        except JobError as error:
            return Ending(JobState.FAILED, reason=str(error)), ()
        except JobInterruptedError:
            return _interrupted(lease.stop)

    def _site(self, lease: Lease, write: Write) -> AbstractContextManager[Site]:
        job = lease.job
        if job.prepare or job.cache:
            return self.share.site(lease, write)
        return self.workshop.site(job, lease.stop)

    def _carry_out(
        self, lease: Lease, site: Site, command: Command, write: Write
    ) -> tuple[Ending, Outputs]:
        output = MissingFiles(write)
        ending = self.shell.run(command, output, lease.stop)
        output.explain(lease.job, ending)
        if not ending.ran_to_its_end:
            return ending, ()
        kept = self.workshop.keep(lease.job, site, lease.stop)
        judged = _judged(ending, kept.problems)
        if judged.state is JobState.SUCCEEDED:
            self.share.keep(site)
        return judged, kept.outputs

    def _command(self, lease: Lease, site: Site, secrets: Mapping[str, str]) -> Command:
        job = lease.job
        environment = environment_of(job, lease.cause.flow_id, lease.attempt, site, self.host)
        deploys = job.environment is not None
        return Command(
            job.run, site.workdir, {**environment, **secrets}, job.timeout, site, deploys=deploys
        )

    def _result(
        self, lease: Lease, ending: Ending, outputs: Outputs = (), log: LogReport = SILENT
    ) -> JobResult:
        finished_at = self.clock()
        result = result_of(
            lease.job, lease.attempt, lease.started_at, finished_at, ending, log, outputs
        )
        return result.model_copy(update={"toolchain": self.host.toolchain})


def stream_of(lease: Lease) -> str:
    """The log stream of one attempt. A runner's role writes to those of its trust."""
    job = lease.job
    return f"{job.trust}/{lease.cause.flow_id}/{job.job_id}/{lease.attempt}"


def _judged(ending: Ending, problems: Sequence[str]) -> Ending:
    """Fail a command that succeeded without its required outputs; keep any other ending."""
    if ending.state is JobState.SUCCEEDED and problems:
        return Ending(JobState.FAILED, ending.exit_code, "; ".join(problems))
    return ending


def _interrupted(stop: StopSignal) -> tuple[Ending, Outputs] | None:
    if stop.order and stop.order.why is StopCause.CANCELLED:
        return Ending(JobState.CANCELLED, reason=stop.order.reason), ()
    return None


def _masked(result: JobResult, mask: Mask) -> JobResult:
    """The result without secrets in its texts; its tail is that of a masked log."""
    texts = {"reason": mask.text(result.reason), "command": mask.text(result.command)}
    return result.model_copy(update=texts)
