"""Distributes tests to workers."""

import pytest
from xdist.remote import Producer

from tests.support.scheduling import GroupScheduling, rank_of


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> GroupScheduling:
    """The schedule of every distributed run, whatever its `--dist`."""
    config.option.loadscopereorder = False  # the order of the collection counts
    return GroupScheduling(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes longest, in every worker the same."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: rank_of(item.nodeid))
