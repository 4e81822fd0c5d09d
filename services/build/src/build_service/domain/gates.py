"""Plans the gates of a change: for what each runs, on which files, and after which others."""

import glob
import posixpath
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from build_service.domain.inputs import WHOLE, Inputs
from penstock_shared.configuration.gates import GateSection
from penstock_shared.configuration.model import Configuration
from penstock_shared.contracts.plan import Minimums, PlannedGate
from penstock_shared.globs import is_glob
from penstock_shared.identifiers import digest_of

PATH = "{path}"
"""In `inputs` and `paths`, the folder of the component that the gate runs for."""
VERDICT_FIELDS = (
    "run", "workdir", "timeout", "env", "secrets", "reports", "minimums", "artifacts",
    "prepared",
)  # fmt: skip
"""The fields of a gate that its verdict depends on, in addition to the files it sees."""


@dataclass(frozen=True)
class GatePlanner:
    """Plans the gates of one tree.

    `component_inputs` are the patterns of what the jobs of each component see. `key_of` makes a key
    of the digest of files. `whole` says that all jobs see the whole tree, whatever the file says,
    and `releases` that the flow deploys, which some gates follow. `day` is that of the push.
    """

    configuration: Configuration
    inputs: Inputs
    component_inputs: Mapping[str, tuple[str, ...]]
    key_of: Callable[[str], str]
    whole: bool
    releases: bool
    day: date
    _source_keys: dict[tuple[str, ...], str] = field(default_factory=dict)

    def gates(self) -> tuple[PlannedGate, ...]:
        """Every gate once for each component that it runs for and combination of its matrix."""
        planned = [
            self._gate(name, section, component, variant)
            for name, section in self.configuration.gates.items()
            if section.after is None or self.releases
            for component in section.places(self.configuration.components)
            for variant in section.variants()
        ]
        needs = Needs(planned)
        return tuple(
            gate.model_copy(update={"needs": needs.of(gate, section.needs)})
            if (section := self.configuration.gates[gate.name]).needs
            else gate
            for gate in planned
        )

    def _gate(
        self, name: str, section: GateSection, component: str | None, variant: Mapping[str, str]
    ) -> PlannedGate:
        workdir = self.configuration.components[component].path if component else "."
        gate = PlannedGate(
            name=name,
            component=component,
            variant=", ".join(variant.values()),
            key="",
            run=section.command(),
            workdir=workdir,
            timeout=section.timeout,
            retries=section.retries,
            allow_failure=section.allow_failure,
            env={**section.env, **variant},
            secrets=section.secrets,
            inputs=self._own_inputs(section, component),
            reports=tuple(section.reports()),
            minimums=Minimums(coverage=section.coverage.minimum if section.coverage else None),
            artifacts=section.artifacts,
            after=self._environment_of(section),
            prepared=section.prepare and bool(self.configuration.preparation_for(component)),
            cache=section.cache,
        )
        changes = {**self._keys(gate, section), **self._quarantine(gate)}
        return gate.model_copy(update=changes)

    def _quarantine(self, gate: PlannedGate) -> dict[str, object]:
        """A gate in quarantine, under its own label or its name, may fail."""
        known = self.configuration.quarantine
        section = known.get(gate.label) or known.get(gate.name)
        if section is None or not section.holds_on(self.day):
            return {}
        return {"allow_failure": True, "quarantine": section.words()}

    def _environment_of(self, section: GateSection) -> str | None:
        release = self.configuration.release
        return release.from_ if section.after and release else None

    def _own_inputs(self, section: GateSection, component: str | None) -> tuple[str, ...] | None:
        if section.inputs is None or self.whole:
            return None
        prepare = self.configuration.preparation_for(component) if section.prepare else None
        prepared = prepare.inputs if prepare else ()
        workdir = self.configuration.components[component].path if component else "."
        return _filled((*section.inputs, *prepared), workdir)

    def _keys(self, gate: PlannedGate, section: GateSection) -> dict[str, str]:
        recipe = gate.model_dump_json(include={*VERDICT_FIELDS})
        prepare = self.configuration.preparation_for(gate.component) if gate.prepared else None
        recipe += prepare.model_dump_json() if prepare else ""
        keys = {"key": digest_of("gate", self._source_key(self._seen_by(gate)), recipe)}
        if section.paths:
            paths = self._source_key(_filled(section.paths, gate.workdir))
            keys["paths_key"] = digest_of("paths", paths, recipe)
        return keys

    def _seen_by(self, gate: PlannedGate) -> tuple[str, ...]:
        if gate.inputs is not None:
            return gate.inputs
        return self.component_inputs[gate.component] if gate.component else WHOLE

    def _source_key(self, patterns: tuple[str, ...]) -> str:
        if patterns not in self._source_keys:
            self._source_keys[patterns] = self.key_of(self.inputs.digest(patterns))
        return self._source_keys[patterns]


class Needs:
    """Finds the gates that a gate waits for among those of the plan."""

    def __init__(self, planned: Iterable[PlannedGate]) -> None:
        self._positions: defaultdict[str, defaultdict[str | None, list[int]]]
        self._positions = defaultdict(lambda: defaultdict(list))
        for number, gate in enumerate(planned):
            self._positions[gate.name][gate.component].append(number)

    def of(self, gate: PlannedGate, names: Iterable[str]) -> tuple[int, ...]:
        """The positions of the gates of these names that this one waits for: those of its own
        component and of the repository; all of them if it is the repository's itself.
        """
        return tuple(sorted(number for name in names for number in self._of(name, gate.component)))

    def _of(self, name: str, component: str | None) -> Iterator[int]:
        for place, numbers in self._positions[name].items():
            if component is None or place in (component, None):
                yield from numbers


def _filled(patterns: Iterable[str], workdir: str) -> tuple[str, ...]:
    """The patterns with the component's folder filled in; WHOLE if one of them is the root."""
    folder = glob.escape(workdir) if is_glob(workdir) else workdir
    filled = [posixpath.normpath(pattern.replace(PATH, folder)) for pattern in patterns]
    return WHOLE if "." in filled else tuple(dict.fromkeys(filled))
