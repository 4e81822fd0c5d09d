"""`python -m bench`: measures, prints the tables, and writes bench/results.jsonl."""

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rich.console import Console

from bench import artifacts, floor, prices, reuse, usage
from bench.big_flow import big_flow
from bench.errors import BenchError
from bench.peers.buildbot.subject import LAYOUTS, BuildbotSubject
from bench.penstock_subject import PenstockSubject
from bench.pushes import WorkloadRepository
from bench.report import Report
from bench.small_project import small_project
from bench.workloads import Latency, Subject, latency, throughput
from penstock.errors import CommandError

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results.jsonl"
LEAST_RUNS = 20


class Bench:
    """One run of the benchmark: what to measure, with what, and where the figures go."""

    def __init__(self, runs: int, report: Report, repository: WorkloadRepository) -> None:
        self._runs = runs
        self._report = report
        self._repository = repository

    def floor(self) -> None:
        """Measure the floor under W1."""
        self._add_latency("floor", floor.latency(self._runs))

    def penstock(self) -> None:
        """Measure Penstock: the workloads, and what one flow uses and costs."""
        subject = PenstockSubject()
        with _running(subject):
            taken = self._latency(subject)
            self._usage(usage.per_flow(subject, self._repository, taken.p95))
            self._throughput(subject)

    def small_project(self) -> None:
        """Measure W3 beside the shell, on a stack of its own."""
        subject = PenstockSubject()
        with _running(subject):
            found = small_project(subject)
        for name, ratio in found.ratios().items():
            self._report.add(name, "penstock", ratio, "times the shell")
            self._report.add(f"{name}_seconds", "penstock", found.penstock[name], "s")
            self._report.add(f"{name}_seconds", "shell", found.shell[name], "s")

    def reuse(self) -> None:
        """Measure W5 on a stack of its own."""
        subject = PenstockSubject()
        with _running(subject):
            found = {
                "unchanged": reuse.unchanged(subject, self._repository),
                "merged": reuse.merged(subject, self._repository),
            }
        for name, taken in found.items():
            self._report.add(f"w5_{name}_seconds", "penstock", taken.seconds, "s")
            self._report.add(f"w5_{name}_calls", "penstock", taken.calls, "calls")
            self._report.add(f"w5_{name}_invocations", "penstock", taken.invocations, "invocations")
            self._report.add(f"w5_{name}_jobs", "penstock", taken.jobs, "jobs")

    def big_flow(self) -> None:
        """Measure W4 on a stack of its own."""
        subject = PenstockSubject()
        with _running(subject):
            found = big_flow(subject)
        self._report.show_parts("AWS calls per job", found.calls_of_a_job(), "{:.2f}")
        figures = (
            ("w4_seconds", found.seconds, "s"),
            ("w4_calls_per_job", sum(found.calls_of_a_job().values()), "calls"),
            ("w4_largest_item", found.largest_item, "bytes"),
            ("w4_largest_message", found.largest_message, "bytes"),
            ("w4_memory", found.memory, "bytes"),
            ("w4_changed_seconds", found.changed_seconds, "s"),
            ("w4_abort_seconds", found.abort_seconds, "s"),
        )
        for name, value, unit in figures:
            self._report.add(name, "penstock", value, unit)

    def buildbot(self) -> None:
        """Measure Buildbot in each of its layouts."""
        for layout in LAYOUTS:
            subject = BuildbotSubject(layout, ROOT)
            with _running(subject):
                self._latency(subject)
                self._throughput(subject)

    def artifacts(self) -> None:
        """Measure the packaged services."""
        for service, size in artifacts.zip_sizes().items():
            self._report.add("zip_size", service, size, "bytes")
        for handler, milliseconds in artifacts.import_cpu():
            self._report.add("import_cpu", handler, milliseconds, "ms")

    def _latency(self, subject: Subject) -> Latency:
        taken = latency(subject, self._repository, self._runs)
        self._add_latency(subject.name, taken)
        return taken

    def _throughput(self, subject: Subject) -> None:
        burst = throughput(subject, self._repository)
        self._report.add("w2", subject.name, burst.pipelines_per_minute, "pipelines/min")
        if burst.peak_bytes:
            self._report.add("w2_peak_memory", subject.name, burst.peak_bytes, "bytes")

    def _add_latency(self, subject: str, taken: Latency) -> None:
        self._report.add("w1_p50", subject, taken.p50, "ms")
        self._report.add("w1_p95", subject, taken.p95, "ms")

    def _usage(self, used: usage.Usage) -> None:
        costs = prices.cost({**used.calls, **used.meters})
        self._report.show_parts("AWS calls per flow", used.calls, "{:.1f}")
        self._report.show_parts(
            "USD per 1,000 flows", {name: usd * 1000 for name, usd in costs.items()}, "{:.4f}"
        )
        figures = (
            ("aws_calls_per_flow", sum(used.calls.values()), "calls"),
            ("lambda_invocations_per_flow", used.meters["lambda invocations"], "invocations"),
            ("log_bytes_per_flow", used.meters["log bytes"], "bytes"),
            ("cost_per_1000_flows", sum(costs.values()) * 1000, "USD"),
        )
        for name, value, unit in figures:
            self._report.add(name, "penstock", value, unit)


@contextmanager
def _running(subject: Subject) -> Iterator[None]:
    try:
        subject.start()
        yield
    except BaseException:
        with suppress(BenchError, CommandError):  # the first failure is reported instead
            subject.stop()
        raise
    subject.stop()


def main() -> int:
    """Measure all parts that were requested. One failure does not stop the others."""
    arguments = _arguments()
    # SIGTERM unwinds like control-C, so that servers are ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    console = Console()
    report = Report(RESULTS, console)
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as folder:
        repository = WorkloadRepository(Path(folder) / "workload.git")
        bench = Bench(arguments.runs, report, repository)
        failures = [_attempt(part, console) for part in _parts(bench, arguments)].count(False)
    report.show()
    console.print(f"The figures are in {RESULTS.relative_to(ROOT)}.")
    return 1 if failures else 0


def _parts(bench: Bench, arguments: argparse.Namespace) -> Iterator[Callable[[], None]]:
    only = {"w3": bench.small_project, "w4": bench.big_flow, "w5": bench.reuse}
    if arguments.only:
        yield only[arguments.only]
        return
    yield bench.floor
    if not arguments.peers_only:
        yield bench.penstock
        yield bench.small_project
        yield bench.reuse
        yield bench.big_flow
        yield bench.artifacts
    if "buildbot" in arguments.peer:
        yield bench.buildbot


def _attempt(part: Callable[[], None], console: Console) -> bool:
    try:
        part()
    except (BenchError, CommandError) as error:
        console.print(f"Not measured: {error}", style="red", markup=False, highlight=False)
        return False
    return True


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Penstock.")
    parser.add_argument(
        "--peer", action="append", default=[], choices=["buildbot"], help="measure this one too"
    )
    parser.add_argument(
        "--only", choices=["w3", "w4", "w5"], help="measure this work of Penstock alone"
    )
    parser.add_argument("--peers-only", action="store_true", help="leave Penstock itself out")
    parser.add_argument(
        "--runs", type=_runs, default=LEAST_RUNS, help=f"pushes of W1, at least {LEAST_RUNS}"
    )
    return parser.parse_args()


def _runs(text: str) -> int:
    runs = int(text)
    if runs < LEAST_RUNS:
        raise argparse.ArgumentTypeError(f"percentiles need at least {LEAST_RUNS} runs")
    return runs


if __name__ == "__main__":
    sys.exit(main())
