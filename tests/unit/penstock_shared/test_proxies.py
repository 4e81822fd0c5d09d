"""Which proxy leads to an address."""

import pytest

from penstock_shared.proxies import proxy_for


def test_proxies_are_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "s3.internal")

    assert proxy_for("https://sqs.eu-west-1.amazonaws.com") == "http://proxy:3128"
    assert proxy_for("https://s3.internal") == ""


def test_one_proxy_may_be_for_all_schemes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("all_proxy", "http://proxy:3128")

    assert proxy_for("https://s3.internal") == "http://proxy:3128"


def test_a_proxy_is_for_its_own_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("https_proxy", "http://proxy:3128")

    assert proxy_for("http://127.0.0.1:4566") == ""
