"""Reports figures: each as a line of JSON as soon as it is known, and all in tables at the end."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

LABELS = {
    "w1_p50": "W1, push to finished, p50",
    "w1_p95": "W1, p95",
    "w2": "W2, 50 pushes at once",
    "w2_peak_memory": "W2, peak memory of all servers",
    "w3_cold": "W3, a small project, cold",
    "w3_cold_seconds": "W3, cold",
    "w3_changed": "W3, one file changed",
    "w3_changed_seconds": "W3, one file changed",
    "w3_unchanged": "W3, nothing relevant changed",
    "w3_unchanged_seconds": "W3, nothing relevant changed",
    "w4_seconds": "W4, 500 components and 1,500 gates",
    "w4_changed_seconds": "W4, one component changed",
    "w4_abort_seconds": "W4, aborted in the middle, until no job waits",
    "w4_calls_per_job": "W4, AWS API calls per job",
    "w4_largest_item": "W4, largest item",
    "w4_largest_message": "W4, largest message",
    "w4_memory": "W4, peak memory of all servers",
    "w5_unchanged_seconds": "W5, unchanged push, p50",
    "w5_unchanged_calls": "W5, unchanged push, AWS API calls",
    "w5_unchanged_invocations": "W5, unchanged push, Lambda invocations",
    "w5_unchanged_jobs": "W5, unchanged push, jobs",
    "w5_merged_seconds": "W5, merge of what was checked, p50",
    "w5_merged_calls": "W5, merge of what was checked, AWS API calls",
    "w5_merged_invocations": "W5, merge of what was checked, Lambda invocations",
    "w5_merged_jobs": "W5, merge of what was checked, jobs",
    "aws_calls_per_flow": "AWS API calls",
    "lambda_invocations_per_flow": "Lambda invocations",
    "log_bytes_per_flow": "log bytes",
    "cost_per_1000_flows": "cost of 1,000 flows",
}
WORKS = ("w1_p50", "w1_p95", "w2", "w2_peak_memory")
SMALL_PROJECT = tuple(name for name in LABELS if name.startswith("w3_"))
REUSE = tuple(name for name in LABELS if name.startswith("w5_"))
BIG_FLOW = tuple(name for name in LABELS if name.startswith("w4_"))
FORMATS: dict[str, Callable[[float], str]] = {
    "ms": lambda value: f"{value:,.1f} ms" if value < 100 else f"{value:,.0f} ms",
    "bytes": lambda value: f"{value / 1e6:,.1f} MB" if value >= 1e6 else f"{value / 1e3:,.1f} kB",
    "USD": lambda value: f"${value:,.3f}",
    "times the shell": lambda value: f"{value:.2f} times the shell",
    "pipelines/min": lambda value: f"{value:,.0f} a minute",
}


@dataclass(frozen=True)
class Measurement:
    """One figure; `subject` is penstock, a peer, a handler or a service."""

    name: str
    subject: str
    value: float
    unit: str

    def __str__(self) -> str:
        """The value with its unit, as a person reads it."""
        shown = FORMATS.get(self.unit)
        return shown(self.value) if shown else f"{self.value:,.1f} {self.unit}"


class Report:
    """Collects measurements in a file of JSON lines, which it overwrites."""

    def __init__(self, path: Path, console: Console) -> None:
        self._path = path
        self._console = console
        self._measurements: list[Measurement] = []
        path.write_text("")

    def add(self, name: str, subject: str, value: float, unit: str) -> None:
        """Record and print one figure."""
        measurement = Measurement(name, subject, round(value, 3), unit)
        self._measurements.append(measurement)
        with self._path.open("a") as results:
            results.write(json.dumps(asdict(measurement)) + "\n")
        self._console.print(f"  {subject}: {LABELS.get(name, name)} {measurement}", style="dim")

    def show(self) -> None:
        """Print the tables of all that was measured."""
        self._show("The same works", WORKS)
        self._show("A small project", SMALL_PROJECT)
        self._show("A big flow", BIG_FLOW)
        self._show("Pushes whose results are known", REUSE)
        tables = (*WORKS, *SMALL_PROJECT, *BIG_FLOW, *REUSE)
        used = [name for name in LABELS if name not in tables]
        self._show("One flow of Penstock", used)
        self._show_each("CPU time of importing a handler", "import_cpu")
        self._show_each("Size of a service's zip", "zip_size")

    def show_parts(self, title: str, parts: Mapping[str, float], form: str) -> None:
        """Print the parts of a figure, largest first."""
        rows = sorted(parts.items(), key=lambda part: -part[1])
        self._table(title, [""], ((name, form.format(value)) for name, value in rows))

    def _show(self, title: str, names: Sequence[str]) -> None:
        found = [one for one in self._measurements if one.name in names]
        subjects = list(dict.fromkeys(one.subject for one in found))
        cells = {(one.name, one.subject): str(one) for one in found}
        rows = (
            (LABELS[name], *(cells.get((name, subject), "") for subject in subjects))
            for name in names
            if any(one.name == name for one in found)
        )
        if found:
            self._table(title, subjects, rows)

    def _show_each(self, title: str, name: str) -> None:
        found = [one for one in self._measurements if one.name == name]
        if found:
            self._table(title, [""], ((one.subject, str(one)) for one in found))

    def _table(self, title: str, columns: Sequence[str], rows: Iterable[tuple[str, ...]]) -> None:
        table = Table("", title=title, title_justify="left")
        for column in columns:
            table.add_column(column, justify="right")
        for row in rows:
            table.add_row(*row)
        self._console.print(table)
