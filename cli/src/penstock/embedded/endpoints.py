"""Finds the addresses, topics, queues and tables of the deployed stacks."""

from collections.abc import Iterator
from typing import Any

from penstock.embedded.errors import DeploymentError
from penstock.embedded.stack import ACCOUNT_ID, REGION, STAGE, Endpoint, Stack

_PREFIX = f"penstock-{STAGE}-"


def describe_stack(endpoint: Endpoint, git_url: str) -> Stack:
    """The deployed stack, without its processes. Raises DeploymentError when a part is missing."""
    page = _api_address(endpoint, "monitor")
    return Stack(
        stage=STAGE,
        region=REGION,
        account_id=ACCOUNT_ID,
        endpoint_url=endpoint.url,
        api_url=f"{page}/api",
        page_url=f"{page}/",
        webhook_url=f"{_api_address(endpoint, 'build')}/webhook",
        git_url=git_url,
        topics=_named(_pages(endpoint, "sns", "list_topics", "Topics"), "TopicArn", ":"),
        queues=_named(_pages(endpoint, "sqs", "list_queues", "QueueUrls"), "", "/"),
        tables=_named(_pages(endpoint, "dynamodb", "list_tables", "TableNames"), "", "/"),
        processes={},
        secret_access_key=endpoint.secret,
    )


def _pages(endpoint: Endpoint, service: str, operation: str, key: str) -> Iterator[Any]:
    for page in endpoint.client(service).get_paginator(operation).paginate():
        yield from page.get(key, [])


def _named(entries: Iterator[Any], field: str, separator: str) -> dict[str, str]:
    """The entries of this stage, keyed by their names without the stage's prefix."""
    addresses = [str(entry[field] if field else entry) for entry in entries]
    names = {address.rpartition(separator)[2]: address for address in sorted(addresses)}
    return {
        name.removeprefix(_PREFIX): address
        for name, address in names.items()
        if name.startswith(_PREFIX)
    }


def _api_address(endpoint: Endpoint, service: str) -> str:
    """The address of an HTTP API in the form that needs no name resolution."""
    wanted = f"{STAGE}-penstock-{service}"
    apis = endpoint.client("apigatewayv2").get_apis()["Items"]
    for api in apis:
        if api["Name"] == wanted:
            return f"{endpoint.url}/_aws/execute-api/{api['ApiId']}"
    raise DeploymentError(f"The stack of {service} has no HTTP API named {wanted}.")
