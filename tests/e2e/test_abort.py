"""One message stops a release at any moment."""

import json

import pytest

from tests.e2e.test_flow import phase
from tests.support.product import Product, Repository, eventually
from tests.support.repositories import commands, functions


def test_an_abort_during_the_bake_puts_staging_back(
    product: Product, repository: Repository
) -> None:
    product.await_state(repository.push(functions("shop-e", "one")), "succeeded")
    flow_id = repository.push(functions("shop-e", "two", bake="60s"))
    product.await_state(flow_id, "baking")
    assert product.function_says("shop-e-first-staging")["version"] == "two"

    product.say("abort-release", {"flow_id": flow_id, "reason": "it smells", "by": "ada"})

    flow = product.await_state(flow_id, "aborted")
    assert "it smells" in flow["reason"]
    eventually(
        lambda: product.function_says("shop-e-first-staging")["version"] == "one",
        "staging to be back on the version before",
    )
    assert product.function_says("shop-e-first-production")["version"] == "one"


def test_an_abort_right_after_the_push_stops_everything(
    product: Product, repository: Repository
) -> None:
    flow_id = repository.push(commands(build="sleep 30", bake="60s"))

    product.say("abort-release", {"flow_id": flow_id})

    product.await_state(flow_id, "aborted")


def test_an_abort_ends_the_job_that_runs(product: Product, repository: Repository) -> None:
    flow_id = repository.push(commands(gate="sleep 60"))
    product.await_job(flow_id, "check", "running")

    product.say("abort-release", {"flow_id": flow_id})

    product.await_state(flow_id, "aborted")
    assert product.await_job(flow_id, "check", "cancelled")


def test_an_abort_in_the_middle_of_production_is_the_last_word(
    product: Product, repository: Repository
) -> None:
    flow_id = repository.push(commands(deploy="test $PENSTOCK_STAGE = staging || sleep 30"))
    eventually(
        lambda: any(
            job["state"] == "running"
            for phase in product.flow(flow_id).get("phases", [])
            if phase["phase"] == "production"
            for job in phase["jobs"]
        ),
        "the production deployment to run",
    )

    product.say("abort-release", {"flow_id": flow_id})

    flow = product.await_state(flow_id, "aborted")
    assert phase(flow, "production")["state"] != "succeeded"


def test_an_abort_of_what_is_done_changes_nothing(product: Product, repository: Repository) -> None:
    flow_id = repository.push(functions("shop-f"))
    product.await_state(flow_id, "succeeded")

    product.say("abort-release", {"flow_id": flow_id})
    after = repository.push({"README.md": "a flow later"})
    product.await_state(after, "succeeded")

    assert product.flow(flow_id)["state"] == "succeeded"
    assert product.function_says("shop-f-first-production")


@pytest.mark.parametrize("text", ["stop!", '{"flow_id": "everything"}'])
def test_a_message_that_names_no_flow_is_kept_with_what_was_expected(
    product: Product, text: str
) -> None:
    product.stack.client("sns").publish(
        TopicArn=product.stack.topics["abort-release"], Message=text
    )
    sqs, url = product.stack.client("sqs"), product.stack.queues["release-dlq"]

    def dead_letter() -> str | None:
        found = sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        for message in found.get("Messages", []):
            if json.loads(message["Body"]).get("Message") == text:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                return str(message["MessageAttributes"]["reason"]["StringValue"])
        return None

    assert 'expected {"flow_id"' in eventually(dead_letter, "the dead letter")


def test_somebody_may_promote_before_the_bake_is_over(
    product: Product, repository: Repository
) -> None:
    flow_id = repository.push(commands(bake="10m"))
    product.await_state(flow_id, "baking")

    product.say("promote-release", {"flow_id": flow_id, "by": "ada"})

    product.await_state(flow_id, "succeeded")


def test_a_bake_ends_by_itself(product: Product, repository: Repository) -> None:
    flow_id = repository.push(commands(bake="2s"))
    product.await_state(flow_id, "baking")

    product.await_state(flow_id, "succeeded")


def test_a_newer_release_takes_over_while_an_older_bakes(
    product: Product, repository: Repository
) -> None:
    older = repository.push(commands(bake="10m"))
    product.await_state(older, "baking")

    newer = repository.push(commands(bake="1s") | {"app/code": "2"})

    product.await_state(newer, "succeeded")
    product.await_state(older, "superseded")
