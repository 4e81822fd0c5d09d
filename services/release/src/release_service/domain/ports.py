"""The ports of the release service."""

from datetime import datetime
from typing import Protocol


class Bakes(Protocol):
    """Waits that take longer than any function may run."""

    def ensure(self, flow_id: str, deadline: datetime) -> None:
        """End the bake of this flow at the deadline. Repeated calls start one wait."""
        ...
