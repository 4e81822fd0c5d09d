"""The role of a trust's runners reaches nothing of another trust."""

import json
import re
from typing import Any

import pytest

from penstock_shared.contracts.change import Trust
from penstock_shared.object_keys import ObjectKind
from tests.infrastructure.conftest import Packaged

KEYS_OF_ITEMS = "dynamodb:LeadingKeys"


def statements_of(packaged: Packaged, trust: Trust) -> list[dict[str, Any]]:
    resources = packaged.template("runner")["Resources"]
    role = resources[f"{trust.capitalize()}RunnerRole"]["Properties"]
    assert role["RoleName"] == f"penstock-runner-local-{trust}"
    (policy,) = role["Policies"]
    return list(policy["PolicyDocument"]["Statement"])


def others(trust: Trust) -> list[Trust]:
    return [other for other in Trust if other is not trust]


@pytest.mark.parametrize("trust", Trust)
def test_a_role_names_nothing_of_another_trust(packaged: Packaged, trust: Trust) -> None:
    text = json.dumps(statements_of(packaged, trust))
    for other in others(trust):
        assert not re.search(rf"[-/#]{other}\b", text)
        assert other.capitalize() not in text


@pytest.mark.parametrize("trust", Trust)
def test_every_object_that_a_role_reaches_is_of_its_trust(packaged: Packaged, trust: Trust) -> None:
    kinds: dict[str, set[str]] = {}
    for statement in statements_of(packaged, trust):
        if str(statement["Action"]).startswith("s3:"):
            for resource in statement["Resource"]:
                kind, whose, rest = resource["Fn::Sub"].rpartition(":::")[2].split("/")[1:]
                assert (whose, rest) == (trust, "*")
                kinds.setdefault(statement["Action"], set()).add(kind)

    reads = {ObjectKind.SNAPSHOT} | ({ObjectKind.ARTIFACT} if trust is Trust.RELEASE else set())
    assert kinds == {
        "s3:GetObject": reads,
        "s3:PutObject": {ObjectKind.ARTIFACT, ObjectKind.REPORT},
    }


@pytest.mark.parametrize("trust", Trust)
def test_a_role_changes_the_records_of_its_own_jobs_only(packaged: Packaged, trust: Trust) -> None:
    found = [
        (statement["Action"], statement["Condition"]["ForAllValues:StringLike"][KEYS_OF_ITEMS])
        for statement in statements_of(packaged, trust)
        if "dynamodb:" in str(statement["Action"])
    ]

    assert found == [
        (["dynamodb:GetItem", "dynamodb:PutItem"], [f"job#{trust}#*"]),
        ("dynamodb:GetItem", ["stop#*"]),
    ]


def test_no_runner_may_read_the_secret_of_the_proofs(packaged: Packaged) -> None:
    for trust in Trust:
        assert "job-proofs" not in json.dumps(statements_of(packaged, trust))
