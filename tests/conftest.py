"""Distributes tests to workers."""

import pytest

TOGETHER = ("integration", "infrastructure", "e2e")


# First, because a group counts only if it is there when xdist's own hook reads the groups.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests of one file that share something costly, such as an emulator, in one worker."""
    for item in items:
        if any(part in TOGETHER for part in item.path.parts) and not item.get_closest_marker(
            "xdist_group"
        ):
            item.add_marker(pytest.mark.xdist_group(str(item.path)))
