"""Runs one attempt of a job, from its source to its outputs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from penstock_runner.domain.environment import Host, environment_of
from penstock_runner.domain.hints import MissingFiles
from penstock_runner.domain.interruption import StopCause, StopSignal
from penstock_runner.domain.ports import Command, JobLog, OpenLog, Shell, Site, Workshop
from penstock_runner.domain.results import Ending, result_of
from penstock_runner.errors import JobError, JobInterruptedError
from penstock_runner.use_cases.lease import Lease
from penstock_shared.clock import Clock
from penstock_shared.contracts.jobs import JobOutput, JobResult, JobState

Outputs = Sequence[JobOutput]


@dataclass(frozen=True)
class RunJob:
    """Runs jobs on this machine."""

    workshop: Workshop
    shell: Shell
    open_log: OpenLog
    host: Host
    clock: Clock

    def __call__(self, lease: Lease) -> JobResult | None:
        """The result of the leased attempt.

        None if the lease was lost or the runner shuts down: the job must run again.
        """
        log = self.open_log(stream_of(lease), lease.job.run)
        ended = self._attempt(lease, log)
        report = log.close()
        if ended is None:
            return None
        ending, outputs = ended
        finished_at = self.clock()
        return result_of(
            lease.job, lease.attempt, lease.started_at, finished_at, ending, report, outputs
        )

    def _attempt(self, lease: Lease, log: JobLog) -> tuple[Ending, Outputs] | None:
        try:
            with self.workshop.site(lease.job, lease.stop) as site:
                return self._carry_out(lease, site, log.write)
        except JobError as error:
            return Ending(JobState.FAILED, reason=str(error)), ()
        except JobInterruptedError:
            return _interrupted(lease.stop)

    def _carry_out(
        self, lease: Lease, site: Site, write: Callable[[bytes], None]
    ) -> tuple[Ending, Outputs]:
        output = MissingFiles(write)
        ending = self.shell.run(self._command(lease, site), output, lease.stop)
        output.explain(lease.job, ending)
        if not ending.ran_to_its_end:
            return ending, ()
        kept = self.workshop.keep(lease.job, site, lease.stop)
        return _judged(ending, kept.problems), kept.outputs

    def _command(self, lease: Lease, site: Site) -> Command:
        job = lease.job
        environment = environment_of(job, lease.cause.flow_id, lease.attempt, site, self.host)
        deploys = job.environment is not None
        return Command(job.run, site.workdir, environment, job.timeout, site, deploys=deploys)


def stream_of(lease: Lease) -> str:
    """The log stream of one attempt."""
    return f"{lease.cause.flow_id}/{lease.job.job_id}/{lease.attempt}"


def _judged(ending: Ending, problems: Sequence[str]) -> Ending:
    """Fail a command that succeeded without its required outputs; keep any other ending."""
    if ending.state is JobState.SUCCEEDED and problems:
        return Ending(JobState.FAILED, ending.exit_code, "; ".join(problems))
    return ending


def _interrupted(stop: StopSignal) -> tuple[Ending, Outputs] | None:
    if stop.order and stop.order.why is StopCause.CANCELLED:
        return Ending(JobState.CANCELLED, reason=stop.order.reason), ()
    return None
