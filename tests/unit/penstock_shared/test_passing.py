"""Which of a machine's variables reach its jobs."""

import pytest

from penstock_shared.passing import passed_from


@pytest.mark.parametrize(
    "name",
    ["https_proxy", "HTTPS_PROXY", "PIP_INDEX_URL", "UV_INDEX", "npm_config_registry", "TZ"],
)
def test_what_a_download_needs_is_passed_in_either_case(name: str) -> None:
    assert passed_from({name: "value"}) == {name: "value"}


@pytest.mark.parametrize(
    "name",
    [
        "AWS_SECRET_ACCESS_KEY",
        "GITHUB_TOKEN",
        "HOME",
        "PIP_TARGET",
        "UV_PUBLISH_TOKEN",
        "UV_PYTHON_DOWNLOADS",
        "VIRTUAL_ENV",
        "npm_config_cache",
    ],
)
def test_nothing_else_is(name: str) -> None:
    assert passed_from({name: "value"}) == {}


def test_a_runner_s_owner_may_name_others_but_none_that_are_penstock_s_own() -> None:
    environ = {"LICENCE": "1", "GO_PROXY": "2", "AWS_REGION": "3", "TZ": "4"}

    assert passed_from(environ, ("licence", " GO_*", "*")) == {
        "LICENCE": "1",
        "GO_PROXY": "2",
        "TZ": "4",
    }
    assert passed_from(environ, ("LICENCE",)) == {"LICENCE": "1"}
