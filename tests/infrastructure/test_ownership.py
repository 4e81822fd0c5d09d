"""M5 and H4 in IAM: roles reach what their stage of Penstock has deployed, and nothing else."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.infrastructure.conftest import Packaged

OF_THIS_STAGE = {"StringEquals": {"aws:ResourceTag/penstock:stage": "local"}}
WRITES = {
    "lambda:CreateAlias",
    "lambda:DeleteAlias",
    "lambda:PublishVersion",
    "lambda:UpdateAlias",
    "lambda:UpdateFunctionCode",
    "lambda:UpdateFunctionConfiguration",
}


def statements(packaged: Packaged, stack: str, role: str) -> Iterator[tuple[set[str], Any]]:
    """The actions of each statement of a role, and the statement."""
    found = packaged.template(stack)["Resources"][role]["Properties"]["Policies"]
    for policy in found:
        for statement in policy["PolicyDocument"]["Statement"]:
            actions = statement["Action"]
            yield {actions} if isinstance(actions, str) else set(actions), statement


def test_components_call_what_this_stage_deployed_and_nothing_else(packaged: Packaged) -> None:
    calls = [
        statement
        for actions, statement in statements(packaged, "platform", "ComponentRole")
        if "lambda:InvokeFunction" in actions
    ]

    assert [each["Condition"] for each in calls] == [OF_THIS_STAGE]


def test_components_write_no_log_of_penstock_s_own(packaged: Packaged) -> None:
    (denied,) = [
        statement
        for actions, statement in statements(packaged, "platform", "ComponentRole")
        if statement["Effect"] == "Deny" and "logs:PutLogEvents" in actions
    ]

    assert "log-group:/aws/lambda/penstock-*" in str(denied["Resource"])


@pytest.mark.parametrize("action", sorted(WRITES))
def test_the_deployer_writes_only_to_functions_with_its_tag(
    packaged: Packaged, action: str
) -> None:
    found = list(statements(packaged, "deployer", "StepsRole"))
    allowed = [each for actions, each in found if action in actions and each["Effect"] == "Allow"]
    denied = [each for actions, each in found if action in actions and each["Effect"] == "Deny"]

    assert [each["Condition"] for each in allowed] == [OF_THIS_STAGE]
    assert ["function:penstock-*" in str(each["Resource"]) for each in denied] == [True]


@pytest.mark.parametrize("action", ["lambda:CreateFunction", "lambda:TagResource"])
def test_the_deployer_makes_only_functions_with_its_tag(packaged: Packaged, action: str) -> None:
    found = list(statements(packaged, "deployer", "StepsRole"))
    (allowed,) = [each for actions, each in found if action in actions and "Condition" in each]

    wanted = {"aws:RequestTag/penstock:stage": "local"}
    assert allowed["Condition"]["StringEquals"] == wanted
    if action == "lambda:TagResource":
        existing = {"aws:ResourceTag/penstock:stage": "local"}
        assert allowed["Condition"]["StringEqualsIfExists"] == existing


def test_the_deployer_passes_roles_of_components_to_lambda_only(packaged: Packaged) -> None:
    (passes,) = [
        statement
        for actions, statement in statements(packaged, "deployer", "StepsRole")
        if "iam:PassRole" in actions
    ]

    assert passes["Condition"] == {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    names = [str(resource).rpartition("role/")[2] for resource in passes["Resource"]]
    assert [name.rstrip("'}") for name in names] == [
        "penstock-local-component",
        "penstock-local-component-*",
    ]
