"""What `penstock plan` asks of a whole stack."""

from penstock.previews import PreviewClient
from penstock_shared.contracts.change import Forge
from penstock_shared.contracts.preview import PreviewAnswer, PreviewRequest
from tests.support.product import Product, Repository
from tests.support.repositories import commands


def preview(product: Product, repository: Repository, since: str) -> PreviewAnswer:
    client = PreviewClient(product.stack.stage, product.stack.client)
    return client.ask(
        PreviewRequest(
            forge=Forge.GIT,
            full_name=repository.name,
            ref="refs/heads/main",
            sha=repository.work.git("rev-parse", "HEAD"),
            since=since,
        )
    )


def test_a_stack_tells_what_a_push_would_do_and_why(
    product: Product, repository: Repository
) -> None:
    since = repository.push(commands())
    product.await_state(since, "succeeded")

    unchanged = preview(product, repository, since)
    repository.commit({"app/code": "2", "conftest.py": ""})
    changed = preview(product, repository, since)

    assert unchanged.environments == ("staging", "production")
    (app,) = unchanged.components
    assert (app.builds, app.deploys, app.differs) == (False, False, ())
    assert not any(gate.runs for gate in unchanged.gates)
    (app,) = changed.components
    assert (app.builds, app.deploys) == (True, True)
    assert app.differs == ("app", "conftest.py (is an input now)")
    assert all(gate.runs for gate in changed.gates)
