"""Deploys packaged stacks to the emulator, with the same templates as on AWS."""

import base64
import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from penstock.embedded.errors import DeploymentError
from penstock.embedded.stack import STAGE, Endpoint
from penstock.embedded.waiting import wait_until
from penstock.packaging import PackagedStack

_AT_ONCE = 3
_PATIENCE = 120.0
_BUCKET = "ServerlessDeploymentBucket"
_INPUTS_TAG = "penstock-inputs"
_NOTHING_TO_DO = "No updates are to be performed"


def deploy_stacks(endpoint: Endpoint, stacks: Sequence[PackagedStack]) -> list[str]:
    """Deploy the first stack, then the others in parallel. Returns the names of those deployed.

    A stack whose inputs have not changed since its last deployment is skipped. The digest of the
    inputs is a tag of the deployed stack, so the two cannot disagree. Raises DeploymentError.
    """
    deployer = _Deployer(endpoint.client("cloudformation"), endpoint)
    first, *others = stacks
    deployed = [deployer.deploy(first)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        deployed += pool.map(deployer.deploy, others)
    return [stack.name for stack, fresh in zip(stacks, deployed, strict=True) if fresh]


@dataclass(frozen=True)
class _Deployer:
    cloudformation: Any
    endpoint: Endpoint

    def deploy(self, stack: PackagedStack) -> bool:
        name = f"penstock-{stack.name}-{STAGE}"
        known = self._describe(name)
        if known and _is_current(known, stack):
            return False
        if not known:
            self._apply(self.cloudformation.create_stack, name, stack.template_of_bucket, "")
        if stack.artifact:
            self._upload(stack.artifact, name, stack.template)
        self._apply(self.cloudformation.update_stack, name, stack.template, stack.inputs)
        if stack.artifact:
            self._check_functions(name, stack.artifact)
        return True

    def _describe(self, name: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self.cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        except (ClientError, IndexError):
            return None
        return found

    def _apply(self, change: Any, name: str, template: Path, inputs: str) -> None:
        try:
            change(
                StackName=name,
                TemplateBody=_without_spaces(template),
                Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
                Tags=[{"Key": _INPUTS_TAG, "Value": inputs or "none"}],
            )
        except ClientError as error:
            if _NOTHING_TO_DO not in str(error):
                raise DeploymentError(f"{name} was refused: {error}") from error
            return
        self._wait_for(name)

    def _wait_for(self, name: str) -> None:
        wait_until(lambda: not self._status(name).endswith("_IN_PROGRESS"), _PATIENCE)
        status = self._status(name)
        if status not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
            raise DeploymentError(f"{name} ended as {status}:\n{self._reasons(name)}")

    def _status(self, name: str) -> str:
        return str((self._describe(name) or {}).get("StackStatus", "missing"))

    def _reasons(self, name: str) -> str:
        events = self.cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        failed = [event for event in events if event["ResourceStatus"].endswith("FAILED")]
        return "\n".join(
            f"  {event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}"
            for event in reversed(failed)
        )

    def _upload(self, artifact: Path, name: str, template: Path) -> None:
        bucket = self.cloudformation.describe_stack_resource(
            StackName=name, LogicalResourceId=_BUCKET
        )["StackResourceDetail"]["PhysicalResourceId"]
        for key in _artifact_keys(template):
            self.endpoint.client("s3").upload_file(str(artifact), bucket, key)

    def _check_functions(self, name: str, artifact: Path) -> None:
        """Check each function's code: the emulator completes a stack even when code is missing."""
        functions = self.endpoint.client("lambda")
        expected = base64.b64encode(hashlib.sha256(artifact.read_bytes()).digest()).decode()
        for function in self._functions_of(name):
            found = functions.get_function_configuration(FunctionName=function)["CodeSha256"]
            if found != expected:
                raise DeploymentError(f"{function} of {name} does not hold the code of {artifact}.")

    def _functions_of(self, name: str) -> list[str]:
        pages = self.cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
        return [
            resource["PhysicalResourceId"]
            for page in pages
            for resource in page["StackResourceSummaries"]
            if resource["ResourceType"] == "AWS::Lambda::Function"
        ]


def _is_current(known: dict[str, Any], stack: PackagedStack) -> bool:
    tags = {tag["Key"]: tag["Value"] for tag in known.get("Tags", [])}
    return tags.get(_INPUTS_TAG) == stack.inputs and known["StackStatus"].endswith("_COMPLETE")


def _without_spaces(template: Path) -> str:
    """The template without its layout. A call takes 51,200 bytes (see "Quotas" in the user guide of
    CloudFormation); on AWS, osls sends the template through the bucket.
    """
    return json.dumps(json.loads(template.read_text()), separators=(",", ":"))


def _artifact_keys(template: Path) -> set[str]:
    resources = json.loads(template.read_text())["Resources"].values()
    functions = [entry for entry in resources if entry["Type"] == "AWS::Lambda::Function"]
    return {function["Properties"]["Code"]["S3Key"] for function in functions}
