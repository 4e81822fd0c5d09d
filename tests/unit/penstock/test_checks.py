"""The checks of `penstock doctor`."""

from pathlib import Path

from penstock.checks import Health, _surroundings


def test_configuration_above_the_jobs_folders_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "work"

    stranger = tmp_path / "pyproject.toml"
    assert str(stranger) not in _surroundings(folder).found

    stranger.touch()

    check = _surroundings(folder)
    assert check.health is Health.PROBLEM
    assert str(stranger) in check.found
