"""The jobs that run gates."""

from dataclasses import dataclass

from penstock_shared.contracts.jobs import Download, Job, Upload
from penstock_shared.contracts.plan import ObjectRef, PlannedGate
from penstock_shared.identifiers import job_id_for
from penstock_shared.storage import ObjectStore

OWNER = "test-runner"
COVERAGE = "coverage"
JUNIT = "junit"


@dataclass(frozen=True)
class GateJobs:
    """Makes jobs. They reach the bucket by presigned addresses only."""

    objects: ObjectStore

    def job(self, flow_id: str, source: ObjectRef, gate: PlannedGate, tried: int) -> Job:
        """The job of a gate's first, second, ... try on a snapshot."""
        job_id = job_id_for(flow_id, OWNER, gate.name, gate.component or "", str(tried))
        return Job(
            job_id=job_id,
            owner=OWNER,
            record=flow_id,
            name=gate.name,
            component=gate.component,
            run=gate.run,
            workdir=gate.workdir,
            source=Download(url=self.objects.url_to_get(source.key), digest=source.key),
            outputs=self._reports(flow_id, job_id, gate),
            environment=gate.environment,
            timeout=gate.timeout,
        )

    def _reports(self, flow_id: str, job_id: str, gate: PlannedGate) -> tuple[Upload, ...]:
        coverage = gate.coverage.report if gate.coverage else ""
        wanted = [(JUNIT, gate.junit), (COVERAGE, coverage)]
        return tuple(
            self._report(f"reports/{flow_id}/{job_id}/{name}.xml", name, path)
            for name, path in wanted
            if path
        )

    def _report(self, key: str, name: str, path: str) -> Upload:
        return Upload(
            name=name,
            path=path,
            url=self.objects.url_to_put(key),
            key=key,
            content_type="application/xml",
        )
