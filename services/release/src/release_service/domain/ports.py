"""What a release asks of the world."""

from datetime import datetime
from typing import Protocol


class Bakes(Protocol):
    """Waits that outlast any function."""

    def ensure(self, flow_id: str, deadline: datetime) -> None:
        """Have the bake of this flow ended at the deadline, by one wait however often asked."""
        ...
