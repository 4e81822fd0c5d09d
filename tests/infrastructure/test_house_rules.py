"""House rules for the deployed templates and the sources."""

import ast
import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

from penstock.project import PROJECT_ROOT
from penstock_shared.contracts.change import Trust
from penstock_shared.contracts.commands import command_topics
from penstock_shared.messaging.consumer import TRIES
from tests.infrastructure.conftest import Packaged

PUBLISHERS = {
    "build-requested": {"build"},
    "build-completed": {"build"},
    "tests-passed": {"test-runner"},
    "deploy-done": {"deployer"},
    "bake-started": {"release"},
    "release-promoted": {"release"},
    "flow-stopped": {"build", "test-runner", "deployer", "release"},
    # For people only: no role of a service may publish there.
    "abort-release": set(),
    "promote-release": set(),
    "run-flow": set(),
}
TABLES = {
    "jobs": {"runner"},
    "builds": {"build"},
    "test-runs": {"test-runner"},
    "deployments": {"deployer"},
    "releases": {"release"},
    "flows": {"monitor"},
    "answers": {"answers"},
}
MAY_NAME_ANYTHING = {
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
}


def properties(packaged: Packaged, kind: str) -> list[tuple[str, dict[str, Any]]]:
    found = [(name, resource["Properties"]) for name, resource in packaged.resources(kind)]
    assert found, f"no {kind} in any template: is the rule looking at the right thing?"
    return found


def statements(packaged: Packaged) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, role in properties(packaged, "AWS::IAM::Role"):
        for policy in role.get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                yield name, statement


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_every_service_has_a_stack_of_its_own(packaged: Packaged) -> None:
    assert set(packaged.stacks) == {
        "platform",
        "runner",
        "build",
        "test-runner",
        "deployer",
        "release",
        "monitor",
        "answers",
    }


def test_no_stack_imports_another(packaged: Packaged) -> None:
    for name in packaged.stacks:
        assert "Fn::ImportValue" not in json.dumps(packaged.template(name)), name


def test_every_queue_has_a_dead_letter_queue_and_that_has_an_alarm(packaged: Packaged) -> None:
    queues = properties(packaged, "AWS::SQS::Queue")
    alarms = json.dumps([alarm for _, alarm in properties(packaged, "AWS::CloudWatch::Alarm")])
    for name, queue in queues:
        if queue["QueueName"].endswith("-dlq"):
            logical = name.split(".")[1]
            assert f'"{logical}", "QueueName"' in alarms, f"{name} has no alarm"
        else:
            assert queue["RedrivePolicy"]["maxReceiveCount"] >= 4 * TRIES, name


def test_a_queue_hides_a_message_six_times_as_long_as_its_function_may_run(
    packaged: Packaged,
) -> None:
    for name in packaged.stacks:
        resources = packaged.template(name)["Resources"]
        for mapping in resources.values():
            if mapping["Type"] != "AWS::Lambda::EventSourceMapping":
                continue
            queue = resources[mapping["Properties"]["EventSourceArn"]["Fn::GetAtt"][0]]
            function = resources[mapping["Properties"]["FunctionName"]["Fn::GetAtt"][0]]
            timeout = function["Properties"]["Timeout"]
            assert queue["Properties"]["VisibilityTimeout"] >= 6 * timeout, name


def test_every_queue_s_function_reports_its_failed_records_one_by_one(packaged: Packaged) -> None:
    for name, mapping in properties(packaged, "AWS::Lambda::EventSourceMapping"):
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"], name
        assert mapping["ScalingConfig"]["MaximumConcurrency"] >= 2, name


def test_every_log_is_kept_for_a_stated_time(packaged: Packaged) -> None:
    for name, group in properties(packaged, "AWS::Logs::LogGroup"):
        assert group["RetentionInDays"] <= 90, name


def test_every_function_logs_json_without_the_platform_s_own_lines(packaged: Packaged) -> None:
    for name, function in properties(packaged, "AWS::Lambda::Function"):
        assert function["LoggingConfig"]["LogFormat"] == "JSON", name
        assert function["LoggingConfig"]["SystemLogLevel"] == "WARN", name
        assert function["Architectures"] == ["arm64"], name


def test_every_function_has_a_role_of_its_own(packaged: Packaged) -> None:
    roles = [
        (name.split(".")[0], json.dumps(function["Role"]))
        for name, function in properties(packaged, "AWS::Lambda::Function")
    ]

    assert len(roles) == len(set(roles))


def test_every_table_forgets_by_itself_and_can_be_brought_back(packaged: Packaged) -> None:
    for name, table in properties(packaged, "AWS::DynamoDB::Table"):
        assert table["TimeToLiveSpecification"]["Enabled"], name
        assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], name
        assert table["BillingMode"] == "PAY_PER_REQUEST", name


def test_tables_outlive_their_stack(packaged: Packaged) -> None:
    for name, table in packaged.resources("AWS::DynamoDB::Table"):
        assert table["DeletionPolicy"] == "Retain", name


@pytest.mark.parametrize("topic", sorted(PUBLISHERS))
def test_only_the_publisher_may_publish(packaged: Packaged, topic: str) -> None:
    allowed = {
        name.split(".")[0]
        for name, statement in statements(packaged)
        if "sns:Publish" in as_list(statement["Action"])
        and f"-{topic}" in json.dumps(statement["Resource"])
    }

    assert allowed == PUBLISHERS[topic]


@pytest.mark.parametrize("table", sorted(TABLES))
def test_no_service_reads_another_s_table(packaged: Packaged, table: str) -> None:
    owners = {
        name.split(".")[0]
        for name, resource in packaged.resources("AWS::DynamoDB::Table")
        if resource["Properties"]["TableName"] == f"penstock-local-{table}"
    }
    assert owners == TABLES[table]
    for name, statement in statements(packaged):
        actions = as_list(statement["Action"])
        if any(action.startswith("dynamodb:") for action in actions):
            assert "arn:" not in json.dumps(statement["Resource"]), (
                f"{name} reaches a table that is not its stack's own"
            )


def test_no_role_may_do_everything_or_to_everything(packaged: Packaged) -> None:
    for name, statement in statements(packaged):
        actions = as_list(statement["Action"])
        assert not any(action.endswith("*") for action in actions), f"{name}: {actions}"
        if "*" in as_list(statement["Resource"]):
            assert set(actions) <= MAY_NAME_ANYTHING, f"{name}: {actions}"


@pytest.mark.parametrize("trust", list(Trust))
def test_what_reads_strangers_files_may_store_snapshots_of_its_trust_and_nothing_else(
    packaged: Packaged, trust: Trust
) -> None:
    role = f"build.PlannerOf{trust.title()}Role"
    planner = [statement for name, statement in statements(packaged) if name == role]
    assert planner, "there is no such role: is the rule looking at the right thing?"
    rights = {
        action: json.dumps(statement["Resource"])
        for statement in planner
        for action in as_list(statement["Action"])
        if not action.startswith(("logs:", "xray:"))
    }

    assert rights.keys() == {"s3:PutObject"}
    assert f"/snapshots/{trust}/*" in rights["s3:PutObject"]


def test_topics_reach_queues_as_they_are_and_filtered_by_type(packaged: Packaged) -> None:
    for name, subscription in properties(packaged, "AWS::SNS::Subscription"):
        topic = json.dumps(subscription["TopicArn"])
        if any(command in topic for command in command_topics()):
            assert not subscription.get("RawMessageDelivery"), name
            continue
        assert subscription["RawMessageDelivery"], name
        assert subscription["FilterPolicy"]["type"], name
        assert subscription["RedrivePolicy"], f"{name} would lose what SQS refuses"


def test_the_bucket_is_private_and_encrypted(packaged: Packaged) -> None:
    buckets = dict(properties(packaged, "AWS::S3::Bucket"))
    for name, bucket in buckets.items():
        assert all(bucket["PublicAccessBlockConfiguration"].values()), name
        assert bucket["BucketEncryption"], name


def test_no_class_name_stands_twice() -> None:
    found: dict[str, list[str]] = defaultdict(list)
    packages = [*PROJECT_ROOT.glob("*/src"), *PROJECT_ROOT.glob("services/*/src")]
    for path in (path for package in packages for path in package.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(f"{path.relative_to(PROJECT_ROOT)}:{node.lineno}")

    assert "PenstockError" in found, "is the rule looking at the right thing?"
    assert {name: places for name, places in found.items() if len(places) > 1} == {}
