import sys

import pytest

from penstock.packaging.targets import AWS_PYTHON, aws_target

THIS_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.mark.skipif(THIS_PYTHON == AWS_PYTHON, reason="this interpreter is of the target's version")
def test_an_interpreter_of_another_version_compiles_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PENSTOCK_TARGET_PYTHON", sys.executable)

    assert aws_target().compiler is None


def test_an_interpreter_that_does_not_run_compiles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_TARGET_PYTHON", "/nowhere/python3.13")

    assert aws_target().compiler is None
    assert "no bytecode" in aws_target().description()
