"""The monitor's ports in memory; `FactStore` is held to the same suite as the real one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from monitor_service.domain.errors import BadRequestError
from monitor_service.domain.facts import FLOW, Fact, Listing
from monitor_service.domain.ports import FlowPage, LogPage, PrintedLine
from monitor_service.domain.recording import Recording
from penstock_shared.contracts.plan import ObjectRef, Plan


@dataclass
class InMemoryFacts:
    """The flows table as dictionaries. `calls` counts what would be calls of DynamoDB."""

    texts: dict[tuple[str, str, str], str] = field(default_factory=dict)
    listings: dict[str, Listing] = field(default_factory=dict)
    calls: int = 0

    def record(self, flow_id: str, recording: Recording, expires_at: datetime) -> bool:
        self.calls += 1
        key = (flow_id, recording.fact.part, recording.fact.name)
        if key in self.texts and self.texts[key] <= recording.fact.text:
            return False
        self.texts[key] = recording.fact.text
        if recording.listing:
            self.listings[flow_id] = recording.listing
        return True

    def facts(self, flow_id: str) -> Sequence[Fact]:
        self.calls += 1
        return [
            Fact(part, name, text)
            for (flow, part, name), text in self.texts.items()
            if flow == flow_id
        ]

    def facts_of_part(self, flow_id: str, part: str) -> Sequence[Fact]:
        return [fact for fact in self.facts(flow_id) if fact.part == part]

    def flow_facts(self, flow_ids: Iterable[str]) -> Mapping[str, Sequence[Fact]]:
        return {flow_id: self.facts_of_part(flow_id, FLOW) for flow_id in flow_ids}

    def newest(self, repository: str | None, limit: int, cursor: str | None) -> FlowPage:
        self.calls += 1
        if cursor and not cursor.isdigit():
            raise BadRequestError("`cursor` must be the `next` of an earlier answer")
        listed = self.listings.items()
        ids = [flow_id for flow_id, one in listed if repository in {None, one.repository}]
        ordered = sorted(ids, key=lambda one: self.listings[one].started_at, reverse=True)
        first = int(cursor or 0)
        following = first + limit
        return FlowPage(
            ordered[first:following], str(following) if following < len(ordered) else None
        )


@dataclass
class InMemoryPlans:
    """Plans by key."""

    plans: dict[str, Plan] = field(default_factory=dict)

    def plan(self, reference: ObjectRef) -> Plan | None:
        return self.plans.get(reference.key)


@dataclass
class InMemoryLogs:
    """Streams by name; a page has `page` lines, and a token is the number of the next one."""

    streams: dict[str, list[PrintedLine]] = field(default_factory=dict)
    page: int = 1000

    def read(self, stream: str, after: str) -> LogPage:
        if after and not after.isdigit():
            raise BadRequestError("`after` must be the `next` of an earlier answer")
        first = int(after or 0)
        lines = self.streams.get(stream, [])[first : first + self.page]
        return LogPage(lines, str(first + len(lines)))
