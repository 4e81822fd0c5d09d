"""Penstock on its embedded stack as a subject of the workloads."""

import json
import os
import shutil
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from bench import pushes
from bench.endings import Endings
from bench.errors import PipelineError, SubjectError
from bench.pushes import Push
from penstock import embedded
from penstock.errors import CommandError
from penstock.registry import RegistryClient
from penstock_shared.contracts.change import Forge
from penstock_shared.contracts.registry import AddRepository

# The emulator's launcher wraps its application with the module that this variable names.
COUNT_VARIABLE = "PENSTOCK_COUNT_CALLS"
COUNTER = Path(__file__).with_name("counting.py")
UNFINISHED = ("running", "baking")
# Seconds between polls of the API after an end was received: the monitor receives it about then.
POLL_SECONDS = 0.005
ANSWER_SECONDS = 30


class PenstockSubject:
    """A stack for the benchmark only. A flow's name is its flow id."""

    name = "penstock"

    def __init__(self) -> None:
        self._endings: Endings | None = None
        self._home = Path(tempfile.mkdtemp(prefix="penstock-bench-stack-"))
        self._webhooks: dict[str, tuple[str, str]] = {}
        self._registering = Lock()

    @property
    def stack(self) -> embedded.Stack:
        """The addresses of the running stack. Raises NotRunningError when it does not run."""
        return embedded.Stack.load(self._home)

    def start(self) -> None:
        """Start a stack beside any that the user has. Its emulator counts calls."""
        os.environ[COUNT_VARIABLE] = str(COUNTER)
        self._endings = Endings(embedded.up(self._home))

    def post_push(self, push: Push) -> str:
        """Post one push to the webhook and return the id of its flow."""
        url, secret = self._webhook_of(push)
        answer = pushes.post(url, pushes.payload(push), secret)
        try:
            return str(json.loads(answer)["flow_id"])
        except (ValueError, KeyError) as error:
            raise SubjectError(f"the webhook answered without a flow_id: {answer!r}") from error

    def _webhook_of(self, push: Push) -> tuple[str, str]:
        """The webhook's address and secret of the push's repository, which is registered once."""
        with self._registering:
            if push.repository not in self._webhooks:
                self._webhooks[push.repository] = self._register(push)
            return self._webhooks[push.repository]

    def _register(self, push: Push) -> tuple[str, str]:
        stack, name = self.stack, push.repository
        request = AddRepository(forge=Forge.GIT, full_name=name, clone_url=push.clone_url)
        try:
            added = RegistryClient(stack.stage, stack.client).ask(request)
        except CommandError as error:
            raise SubjectError(f"{name} could not be registered: {error}") from error
        return f"{stack.webhook_url}/{added.repositories[0].id}", added.webhook_secret

    def wait_finished(self, flows: Sequence[str], seconds: float) -> None:
        """Wait for the event of each flow's end, then for the API to confirm its success."""
        deadline = time.monotonic() + seconds
        self._hear_of(flows, deadline)
        while unfinished := self._unfinished(flows):
            if time.monotonic() > deadline:
                raise PipelineError(f"penstock: {unfinished} are unfinished after {seconds} s")
            time.sleep(POLL_SECONDS)

    def _hear_of(self, flows: Sequence[str], deadline: float) -> None:
        """Return when every flow has ended, or the deadline is over."""
        endings = self._endings
        while endings and not all(endings.has(flow_id) for flow_id in flows):
            left = deadline - time.monotonic()
            endings.listen(left)
            if left <= 0:
                return

    def server_pids(self) -> list[int]:
        """Return the emulator and the runners."""
        return list(self.stack.processes.values())

    def state_of(self, flow_id: str) -> str:
        """The state of a flow in the API, or an empty text if the API does not know it."""
        flow = self._newest(1).get(flow_id)
        return str(flow["state"]) if flow else ""

    def flow(self, flow_id: str) -> dict[str, Any]:
        """A flow as the API shows it, with its phases and jobs."""
        with urllib.request.urlopen(
            f"{self.stack.api_url}/flows/{flow_id}", timeout=ANSWER_SECONDS
        ) as answer:
            return dict(json.load(answer))

    def stop(self) -> None:
        """Take the stack down and remove its state."""
        embedded.down(self._home, forget=True)
        shutil.rmtree(self._home, ignore_errors=True)

    def _unfinished(self, flows: Sequence[str]) -> list[str]:
        """The flows that have not succeeded yet in the API. Raises PipelineError."""
        newest = self._newest(len(flows))
        for flow_id in flows:
            flow = newest.get(flow_id)
            if flow and flow["state"] not in (*UNFINISHED, "succeeded"):
                raise PipelineError(f"penstock: {flow_id} {flow['state']}: {flow['reason']}")
        return [name for name in flows if newest.get(name, {}).get("state") != "succeeded"]

    def _newest(self, count: int) -> dict[str, dict[str, Any]]:
        """The newest flows by their ids, as `penstock flows --json` prints them."""
        url = f"{self.stack.api_url}/flows?limit={count}"
        try:
            with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as answer:
                return {flow["flow_id"]: flow for flow in json.load(answer)["flows"]}
        except urllib.error.HTTPError as error:
            raise SubjectError(f"{url} answered {error.code}") from error
        except OSError as error:
            raise SubjectError(f"{url} could not be reached: {error}") from error
