"""List flows, newest first."""

from collections.abc import Sequence
from dataclasses import dataclass

from monitor_service.domain.errors import BadRequestError
from monitor_service.domain.facts import facts_of
from monitor_service.domain.folding import fold
from monitor_service.domain.ports import FactStore
from monitor_service.domain.view import FlowState, FlowView

MOST = 100
DEFAULT = 20
PAGES_READ = 5
"""Index pages read for one answer: a state is not in the index, so filtering by a rare one may
answer with fewer flows than asked for, and with where to go on."""


@dataclass(frozen=True)
class FlowFilter:
    """Which flows to list. `limit` is from 1 to 100; `cursor` is an earlier answer's `next`."""

    limit: int = DEFAULT
    repository: str | None = None
    state: FlowState | None = None
    cursor: str | None = None


@dataclass(frozen=True)
class FlowList:
    """Flows as far as they can be told without their jobs and plans."""

    flows: Sequence[FlowView]
    next: str | None


@dataclass(frozen=True)
class ListFlows:
    """Reads the index, then what is known of each flow as a whole."""

    store: FactStore

    def __call__(self, wanted: FlowFilter) -> FlowList:
        """The newest flows that the filter wants. Raises BadRequestError."""
        if not 1 <= wanted.limit <= MOST:
            raise BadRequestError(f"limit must be from 1 to {MOST}, not {wanted.limit}")
        flows: list[FlowView] = []
        cursor = wanted.cursor
        for _ in range(PAGES_READ):
            page = self.store.newest(wanted.repository, wanted.limit - len(flows), cursor)
            flows += self._read(page.flow_ids, wanted.state)
            cursor = page.next
            if cursor is None or len(flows) == wanted.limit:
                break
        return FlowList(flows, cursor)

    def _read(self, flow_ids: Sequence[str], state: FlowState | None) -> list[FlowView]:
        if not flow_ids:
            return []
        known = self.store.flow_facts(flow_ids)
        views = (fold(facts_of(flow_id, known.get(flow_id, ()))) for flow_id in flow_ids)
        return [view for view in views if view and state in {None, view.state}]
