"""The whole river with IAM enforced: every function and runner under its own role."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError

from penstock.embedded import Stack, StackOptions, down
from tests.e2e.conftest import start
from tests.support.product import Product, Repository, eventually
from tests.support.repositories import functions

pytestmark = pytest.mark.xdist_group("iam")

RUNNER = "runner-of-this-test"
MACHINES = {
    "Effect": "Allow",
    "Principal": {"Service": "ec2.amazonaws.com"},
    "Action": "sts:AssumeRole",
}


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    home = tmp_path_factory.mktemp("iam")
    try:
        make_role_of_runners(start(home, StackOptions(runners=0, enforce_iam=True)))
        with httpx.Client(timeout=30, trust_env=False) as http:
            yield Product(start(home, StackOptions(enforce_iam=True, runner_role=RUNNER)), http)
    finally:
        down(home)


def make_role_of_runners(stack: Stack) -> None:
    """The role of a machine that runs runners, as an operator makes it on AWS."""
    iam = stack.client("iam")
    policy = json.dumps({"Version": "2012-10-17", "Statement": [MACHINES]})
    iam.create_role(RoleName=RUNNER, AssumeRolePolicyDocument=policy)
    iam.attach_role_policy(
        RoleName=RUNNER,
        PolicyArn=f"arn:aws:iam::{stack.account_id}:policy/penstock-runner-{stack.stage}-agent",
    )


@pytest.fixture
def repository(product: Product, tmp_path: Path) -> Repository:
    return Repository.create(product, tmp_path, "acme/allowed")


def test_a_release_and_an_abort_need_no_more_than_the_roles_allow(
    product: Product, repository: Repository
) -> None:
    product.await_state(repository.push(functions("allowed", "one")), "succeeded")
    again = repository.push(functions("allowed", "two", bake="10m"))
    product.await_state(again, "baking")
    assert product.function_says("allowed-first-staging")["version"] == "two"

    product.say("abort-release", {"flow_id": again})

    product.await_state(again, "aborted")
    eventually(
        lambda: product.function_says("allowed-first-staging")["version"] == "one",
        "staging goes back",
    )
    assert dead_letters(product.stack) == []


@pytest.mark.parametrize(
    ("service", "call"),
    [
        ("secretsmanager", "list_secrets"),
        ("lambda", "list_functions"),
        ("dynamodb", "list_tables"),
        ("iam", "list_roles"),
    ],
)
def test_what_a_role_does_not_allow_is_refused(product: Product, service: str, call: str) -> None:
    """Otherwise the test above would say nothing."""
    arn = f"arn:aws:iam::{product.stack.account_id}:role/{RUNNER}"
    sts = product.stack.client("sts")
    keys = sts.assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]

    with pytest.raises(ClientError, match="AccessDenied"):
        getattr(client_with(keys, product.stack, service), call)()


def client_with(keys: dict[str, str], stack: Stack, service: str) -> Any:
    session = boto3.Session(
        keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], stack.region
    )
    return session.client(service, endpoint_url=stack.endpoint_url)  # type: ignore[call-overload]  # a name per service


def dead_letters(stack: Stack) -> list[str]:
    """The queues of dead letters that hold some."""
    sqs = stack.client("sqs")
    name = "ApproximateNumberOfMessages"
    counts = {
        queue: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name]
        for queue, url in stack.queues.items()
        if queue.endswith("-dlq")
    }
    return [queue for queue, count in counts.items() if count != "0"]
