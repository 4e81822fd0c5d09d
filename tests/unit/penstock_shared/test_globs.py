"""Patterns of paths and branches."""

import time

import pytest

from penstock_shared.globs import glob_matcher


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("libs/common/**", "libs/common/deep/er.py"),
        ("**", "a"),
        ("**", "a/b"),
        ("**/x.py", "x.py"),
        ("**/x.py", "a/b/x.py"),
        ("a/**/x", "a/x"),
        ("a/**/**/x", "a/b/c/x"),
        ("*.py", "x.py"),
        ("v?", "v1"),
        ("v[0-9]", "v1"),
        ("a.b", "a.b"),
    ],
)
def test_a_pattern_matches(pattern: str, path: str) -> None:
    assert glob_matcher(pattern)(path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("libs/common/**", "libs/common"),
        ("libs/common/**", "libs/commoner/x"),
        ("*.py", "a/x.py"),
        ("v?", "v/"),
        ("a/*/x", "a/b/c/x"),
        ("a.b", "axb"),
        ("v[0-9]", "va"),
    ],
)
def test_a_pattern_does_not_match(pattern: str, path: str) -> None:
    assert not glob_matcher(pattern)(path)


@pytest.mark.parametrize("pattern", ["**/a/" * 60 + "b", "*a" * 60 + "b", "**a" * 60])
def test_no_pattern_takes_long(pattern: str) -> None:
    began = time.perf_counter()

    assert not glob_matcher(pattern)("a/" * 500 + "a" * 1000 + "c")
    assert time.perf_counter() - began < 1
