"""A bucket, functions to look at, and deployments to put them there."""

import io
import json
import zipfile
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Any
from uuid import uuid4

from deployer_service.domain.deployment.model import Deployment, DeploymentState
from deployer_service.domain.deployment.step import Step
from deployer_service.domain.environment.history import Deployed
from deployer_service.domain.ports import Performed
from deployer_service.drivers.function.owners import ComponentRoles
from deployer_service.drivers.function.performer import LambdaPerformer
from penstock_shared.contracts.drivers.function import ALIAS, LambdaDeploy
from penstock_shared.contracts.events import EnvironmentRole
from penstock_shared.contracts.plan import ObjectRef
from penstock_shared.identifiers import flow_id_for
from penstock_shared.storage import ObjectStore
from tests.support.builders import BEFORE, NOW, a_component, a_flow_ref, an_environment
from tests.support.emulator import OwnEmulator

ROLE = "penstock-local-component"
ROLE_ARN = f"arn:aws:iam::000000000000:role/{ROLE}"
SAYS = """
import os
OURS = ("PENSTOCK_", "PRICE_LIST_", "SHOP_")
def handler(event, context):
    told = {{name: os.environ[name] for name in os.environ if name.startswith(OURS)}}
    return {{"says": {word!r}, "told": told}}
"""


def zip_saying(word: str) -> bytes:
    """A function that says this word, and what it was told by its environment."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("handler.py"), SAYS.format(word=word))
    return buffer.getvalue()


@dataclass
class Cloud:
    """One test's part of the emulator: its functions have a name of their own."""

    emulator: OwnEmulator
    name: str = field(default_factory=lambda: f"t{uuid4().hex[:8]}")

    @cached_property
    def functions(self) -> Any:
        """A Lambda client."""
        return self.emulator.client("lambda")

    @cached_property
    def objects(self) -> ObjectStore:
        """A bucket of its own."""
        client = self.emulator.client("s3")
        client.create_bucket(Bucket=self.name)
        return ObjectStore(client, self.name)

    @cached_property
    def performer(self) -> LambdaPerformer:
        """The lambda driver's working side."""
        roles = ComponentRoles(self.emulator.client, ROLE_ARN)
        return LambdaPerformer(self.functions, self.objects, roles, "local")

    @property
    def function(self) -> str:
        """What the function is called in staging."""
        return f"{self.name}-staging"

    def artifact(self, word: str) -> ObjectRef:
        """An artifact in the bucket that says this word."""
        body = zip_saying(word)
        key = f"artifacts/{word}.zip"
        self.objects.put(key, body)
        return ObjectRef(key=key, sha256=sha256(body).hexdigest(), size=len(body))

    def step(self, word: str, **given: Any) -> Step:
        """A step that deploys such an artifact."""
        recipe = LambdaDeploy(function=self.name, env={"SHOP_CURRENCY": "EUR"})
        artifact = self.artifact(word)
        component = a_component("orders", key=f"key-of-{word}", artifact=artifact, deploy=recipe)
        return Step(component=component, **given)

    def deploy(self, word: str, step: Step | None = None) -> Deployed:
        """Deploy it, as the deployment of a flow of its own."""
        step = step or self.step(word)
        performed = self.performer.deploy(a_deployment(word, step), step, lambda: None)
        return self.deployed(word, step, performed)

    def deployed(self, word: str, step: Step, performed: Performed) -> Deployed:
        """What the deployment's record says afterwards."""
        return Deployed(
            key=step.component.key,
            version=word,
            flow_id=a_deployment(word, step).flow_id,
            revision=performed.revision,
            outputs=performed.outputs,
            artifact=step.component.artifact,
        )

    def roll_back(self, word: str, target: Deployed | None) -> None:
        """Take back what such a step deployed."""
        step = self.step(word, target=target)
        self.performer.roll_back(a_deployment(word, step), step, lambda: None)

    def ask(self) -> dict[str, Any]:
        """What the live function answers."""
        answer = self.functions.invoke(FunctionName=f"{self.function}:{ALIAS}")
        return dict(json.loads(answer["Payload"].read()))

    def versions(self) -> list[str]:
        """The published versions."""
        listed = self.functions.list_versions_by_function(FunctionName=self.function)
        return [known["Version"] for known in listed["Versions"] if known["Version"] != "$LATEST"]


def a_deployment(word: str, *steps: Step) -> Deployment:
    """The deployment of a flow that is about this word."""
    sha = sha256(word.encode()).hexdigest()[:40]
    return Deployment(
        state=DeploymentState.DEPLOYING,
        flow_id=flow_id_for("github", "acme/shop", "refs/heads/main", BEFORE, sha),
        flow=a_flow_ref(sha=sha),
        environment=an_environment("staging"),
        role=EnvironmentRole.STAGING,
        started_at=NOW,
        traceparent="",
        steps=steps,
        token=1,
    )
