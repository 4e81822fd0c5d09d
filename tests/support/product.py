"""The product as users see it: git to push, HTTP to read, SNS for commands."""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import httpx

from penstock.embedded import Stack
from penstock.registry import RegistryClient
from penstock_shared.contracts.change import Forge
from penstock_shared.contracts.registry import AddRepository
from penstock_shared.github import NO_COMMIT, commit_object, delivery_headers, push_event
from tests.support.git import WorkTree

T = TypeVar("T")
FINAL = {"succeeded", "failed", "aborted", "superseded"}
PATIENCE = 60.0
"""Seconds; far more than any flow of these tests takes, even on a busy machine."""


def eventually(look: Callable[[], T | None], what: str, patience: float = PATIENCE) -> T:
    """The first true result of `look`. Fails with the text `what` after `patience` seconds."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited {patience:g} s in vain for {what}")


@dataclass(frozen=True)
class Product:
    """An embedded stack, used from outside."""

    stack: Stack
    http: httpx.Client
    webhooks: dict[str, "Webhook"] = field(default_factory=dict)
    registering: Lock = field(default_factory=Lock)

    def flow(self, flow_id: str) -> dict[str, Any]:
        """The flow, as `penstock show FLOW --json` prints it; empty while it is not known."""
        answer = self.http.get(f"{self.stack.api_url}/flows/{flow_id}")
        if answer.status_code == 404:
            return {}
        answer.raise_for_status()
        return dict(answer.json())

    def await_state(self, flow_id: str, *states: str, patience: float = PATIENCE) -> dict[str, Any]:
        """Wait for the flow to reach one of these states (default: any final one)."""
        wanted = set(states) or FINAL

        def look() -> dict[str, Any] | None:
            flow = self.flow(flow_id)
            if flow.get("state") in FINAL - wanted:
                raise AssertionError(f"the flow ended otherwise: {json.dumps(flow, indent=1)}")
            return flow if flow.get("state") in wanted else None

        try:
            return eventually(look, f"flow {flow_id} to be {wanted}", patience)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{json.dumps(self.flow(flow_id), indent=1)}") from error

    def await_job(self, flow_id: str, name: str, state: str) -> dict[str, Any]:
        """Wait for a job of the flow to reach this state."""

        def look() -> dict[str, Any] | None:
            jobs = [job for phase in self.flow(flow_id).get("phases", []) for job in phase["jobs"]]
            return next((job for job in jobs if (job["name"], job["state"]) == (name, state)), None)

        return eventually(look, f"job {name} of {flow_id} to be {state}")

    def say(self, topic: str, message: Mapping[str, Any]) -> None:
        """Publish a message."""
        self.stack.client("sns").publish(
            TopicArn=self.stack.topics[topic], Message=json.dumps(message)
        )

    def deliver(self, push: Mapping[str, Any], **headers: str) -> httpx.Response:
        """Send a webhook like the hook of the push's repository, which is registered if need be."""
        body = json.dumps(push).encode()
        repository = push["repository"]
        webhook = self.webhook_of(repository["full_name"], repository["clone_url"])
        return self.http.post(
            webhook.url, content=body, headers=signed(webhook.secret, body) | headers
        )

    def webhook_of(self, name: str, clone_url: str, **given: Any) -> "Webhook":
        """The webhook of a repository of plain git, registered with what is given if it is not."""
        with self.registering:
            if name not in self.webhooks:
                self.webhooks[name] = self.register(name, clone_url, **given)
            return self.webhooks[name]

    def register(self, name: str, clone_url: str, **given: Any) -> "Webhook":
        """Register a repository of plain git."""
        request = AddRepository(forge=Forge.GIT, full_name=name, clone_url=clone_url, **given)
        added = self.registry.ask(request)
        url = f"{self.stack.webhook_url}/{added.repositories[0].id}"
        return Webhook(url, added.webhook_secret)

    @property
    def registry(self) -> RegistryClient:
        """The registry of repositories."""
        return RegistryClient(self.stack.stage, self.stack.client)

    def function_says(self, name: str, payload: Mapping[str, Any] | None = None) -> Any:
        """The answer of a deployed function; None without such a function or alias."""
        functions = self.stack.client("lambda")
        try:
            answer = functions.invoke(
                FunctionName=name, Qualifier="live", Payload=json.dumps(payload or {})
            )
        except functions.exceptions.ResourceNotFoundException:
            return None
        return json.loads(answer["Payload"].read())


@dataclass(frozen=True)
class Webhook:
    """The webhook of one repository."""

    url: str
    secret: str


def signed(secret: str, body: bytes) -> dict[str, str]:
    """The headers of a delivery of this body."""
    headers = delivery_headers(secret, body, "d-1")
    return {name.lower(): value for name, value in headers.items()}


@dataclass(frozen=True)
class Repository:
    """One test's own repository, with pushes like a developer's."""

    product: Product
    work: WorkTree
    name: str

    @classmethod
    def create(cls, product: Product, folder: Path, name: str) -> "Repository":
        """An empty repository. Its pushes send the webhook that GitHub would send."""
        return cls(product, WorkTree.create(folder), name)

    def push(self, files: Mapping[str, str], branch: str = "main") -> str:
        """Commit, push and deliver; returns the flow's id."""
        push = self.commit(files, branch)
        answer = self.product.deliver(push)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["flow_id"])

    def commit(self, files: Mapping[str, str], branch: str = "main") -> dict[str, Any]:
        """Commit and push; returns the payload that GitHub would deliver."""
        sha = self.work.commit(files)
        self.work.push(branch)
        return push_event(
            self.name,
            self.work.remote,
            f"refs/heads/{branch}",
            NO_COMMIT,
            sha,
            commit_object(sha, message="Change", name="Ada"),
            pusher="ada",
        )


def flow_in(text: str) -> str:
    """The id of the flow in a text, such as the answer to a push."""
    found = re.search(r"\b[0-9a-f]{20}\b", text)
    assert found, f"no flow is named in {text!r}"
    return found[0]
