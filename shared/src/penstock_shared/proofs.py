"""Proofs that a job's result comes from a runner that was given the job.

A service makes a proof for each job that it asks for, with a key that nobody else has, and sends it
with the request. The runner sends it back with the result. A runner reads the requests of one trust
only, so it cannot finish a job of another, nor one that it was not given.
"""

import hmac
from dataclasses import dataclass
from hashlib import sha256

from pydantic_core import from_json

from penstock_shared.contracts.change import Trust
from penstock_shared.contracts.event import Event
from penstock_shared.contracts.events import JobFinished, JobRequested, JobStarted
from penstock_shared.contracts.jobs import Job

_DIGITS = 32


@dataclass(frozen=True)
class JobProofs:
    """Makes and checks the proofs of one service's jobs. Nothing is stored."""

    key: bytes

    @classmethod
    def of(cls, secret: str, service: str) -> "JobProofs":
        """The proofs of one service. All services of a stage share the secret, and none the key."""
        return cls(hmac.new(secret.encode(), service.encode(), sha256).digest())

    def request(self, flow_id: str, job: Job) -> JobRequested:
        """The request of a job of this flow, with its proof."""
        return JobRequested(job=job, proof=self.proof_of(flow_id, job.job_id, job.trust))

    def holds(self, event: Event[JobFinished]) -> bool:
        """Whether the result comes from a runner that was given its job."""
        result = event.data.result
        return self._is_proof(event.data.proof, event.subject, result.job_id, result.trust)

    def holds_of_start(self, event: Event[JobStarted]) -> bool:
        """Whether the start comes from a runner that was given its job."""
        started = event.data
        return self._is_proof(started.proof, event.subject, started.job_id, started.trust)

    def holds_in(self, body: str) -> bool:
        """The same of a message that may be malformed in any way."""
        try:
            message = from_json(body)
            result = message["data"]["result"]
            identity = str(message["subject"]), str(result["job_id"]), Trust(result["trust"])
            return self._is_proof(message["data"]["proof"], *identity)
        except (KeyError, TypeError, ValueError):
            return False

    def _is_proof(self, proof: object, flow_id: str, job_id: str, trust: Trust) -> bool:
        given = proof.encode(errors="replace") if isinstance(proof, str) else b""
        return hmac.compare_digest(given, self.proof_of(flow_id, job_id, trust).encode())

    def proof_of(self, flow_id: str, job_id: str, trust: Trust) -> str:
        """The proof of a job: 32 hex digits."""
        text = "\x1f".join((flow_id, job_id, trust))
        return hmac.new(self.key, text.encode(), sha256).hexdigest()[:_DIGITS]
