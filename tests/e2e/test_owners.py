"""What one repository has deployed, another does not take over."""

from pathlib import Path

import pytest

from tests.support.product import Product, Repository
from tests.support.repositories import functions


@pytest.fixture
def another(product: Product, tmp_path: Path, repository: Repository) -> Repository:
    folder = tmp_path / "another"
    folder.mkdir()
    return Repository.create(product, folder, f"{repository.name}-another")


def test_two_repositories_that_name_one_function(
    product: Product, repository: Repository, another: Repository
) -> None:
    """C2 without any forgery: the second repository's deployment replaced the first one's."""
    product.await_state(repository.push(functions("owned", "mine")), "succeeded")

    flow = product.await_state(another.push(functions("owned", "theirs")), "failed")

    assert f"belongs to component owned-first of git/{repository.name} in" in flow["reason"]
    assert "penstock env adopt staging owned-" in flow["reason"]
    for stage in ("staging", "production"):
        assert product.function_says(f"owned-first-{stage}")["version"] == "mine"
