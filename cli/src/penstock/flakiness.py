"""How often gates were flaky: they failed and passed on the same inputs."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from penstock.flows import BROKEN, FlowJson, JobJson, name_of, phase_of

_PHASES = ("test", "staging")
_DEPLOYMENT = ("deploy", "rollback")
"""The names of the jobs of deployments, which run in staging too."""


@dataclass(frozen=True)
class Flakiness:
    """Of one gate: the flows that it ran in, and those of them in which it was flaky."""

    gate: str
    ran: tuple[str, ...]
    flaky: tuple[str, ...]

    @property
    def rate(self) -> float:
        """The share of its flows in which it was flaky, in percent."""
        return 100 * len(self.flaky) / len(self.ran)


def flakiness_of(flows: Iterable[FlowJson]) -> list[Flakiness]:
    """The gates that were flaky in any of these flows, the most flaky first.

    Flows are given newest first, and keep that order.
    """
    ran: defaultdict[str, dict[str, None]] = defaultdict(dict)
    flaky: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for flow in flows:
        for job in _gates_of(flow):
            ran[name_of(job)][flow["flow_id"]] = None
            if job.get("flaky"):
                flaky[name_of(job)][flow["flow_id"]] = None
    found = [Flakiness(gate, tuple(ran[gate]), tuple(in_flows)) for gate, in_flows in flaky.items()]
    return sorted(found, key=lambda one: (-one.rate, one.gate))


def _gates_of(flow: FlowJson) -> Iterator[JobJson]:
    """The jobs of gates that have ended, with success or without."""
    for phase in _PHASES:
        for job in phase_of(flow, phase)["jobs"]:
            if job["name"] not in _DEPLOYMENT and job["state"] in {"succeeded", *BROKEN}:
                yield job
