"""A fake of what the command line calls, on a real socket: the monitor's API, SNS and SQS."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from penstock.embedded import Stack
from tests.support.servers import http_server
from tests.unit.build_service.registered import FakeRegistry

Json = dict[str, Any]
TOPIC = "arn:aws:sns:us-east-1:000000000000:penstock-local-"
NO_FUNCTION = "ResourceNotFoundException"
DEPLOYED = (
    "<Stacks><member><StackName>x</StackName><StackStatus>CREATE_COMPLETE</StackStatus>"
    "<CreationTime>2026-01-02T03:04:05Z</CreationTime><Outputs><member>"
    "<OutputKey>HttpApiUrl</OutputKey>"
    "<OutputValue>https://abc.execute-api.eu-central-1.amazonaws.com</OutputValue>"
    "</member></Outputs></member></Stacks>"
)


@dataclass
class FakeStack:
    """A stack with given flows. Each poll of a flow first calls the next of `moves`."""

    flows: dict[str, Json] = field(default_factory=dict)
    logs: dict[str, list[str]] = field(default_factory=dict)
    published: list[tuple[str, Json]] = field(default_factory=list)
    dead_letters: dict[str, int] = field(default_factory=dict)
    moves: list[Any] = field(default_factory=list)
    broken: tuple[int, str] | None = None
    refuses_messages: bool = False
    deployed: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)
    registry: FakeRegistry = field(default_factory=FakeRegistry)
    functions: dict[str, Json] = field(default_factory=dict)
    job_secrets: list[str] = field(default_factory=list)
    invoked: list[tuple[str, Json]] = field(default_factory=list)
    objects: dict[str, bytes] = field(default_factory=dict)

    def answer(self, path: str, query: dict[str, list[str]]) -> tuple[int, Json]:
        """The API's answer to a GET."""
        self.asked.append(path)
        parts = path.strip("/").split("/")
        if self.broken:
            return self.broken[0], {"error": self.broken[1]}
        if parts == ["api", "flows"]:
            return 200, self._list(query)
        if len(parts) == 3:
            return self._flow(parts[2])
        return 200, self._log(parts[4], int(query.get("after", ["0"])[0]))

    def _list(self, query: dict[str, list[str]]) -> Json:
        wanted = {key: query[key][0] for key in ("repository", "state") if key in query}
        found = [
            flow
            for flow in self.flows.values()
            if all(flow[key] == value for key, value in wanted.items())
        ]
        self.limits.append(query["limit"][0])
        first = int(query.get("cursor", ["0"])[0])
        following = first + int(query["limit"][0])
        return {
            "flows": [without_jobs(flow) for flow in found[first:following]],
            "next": str(following) if following < len(found) else None,
        }

    def _flow(self, flow_id: str) -> tuple[int, Json]:
        if self.moves:
            self.moves.pop(0)()
        if flow_id in self.flows:
            return 200, self.flows[flow_id]
        return 404, {"error": f"no such flow: {flow_id}"}

    def _log(self, job_id: str, after: int) -> Json:
        lines = self.logs.get(job_id, [])[after : after + 2]
        return {
            "lines": [{"at": "2026-01-02T03:04:05Z", "text": text} for text in lines],
            "next": str(after + len(lines)),
            "more": bool(lines),
        }

    def aws(self, form: dict[str, list[str]]) -> tuple[int, str]:
        """The answer of SNS, STS or CloudFormation to a POST, in their query protocol."""
        action = form["Action"][0]
        if action == "Publish" and not self.refuses_messages:
            topic = form["TopicArn"][0].removeprefix(TOPIC)
            self.published.append((topic, json.loads(form["Message"][0])))
            return 200, result_of(action, "<MessageId>1</MessageId>")
        if action == "GetCallerIdentity":
            return 200, result_of(action, "<Account>123456789012</Account>")
        if action == "DescribeStacks" and form["StackName"][0] in self.deployed:
            return 200, result_of(action, DEPLOYED)
        code = "ValidationError" if action == "DescribeStacks" else "AuthorizationError"
        return 400, f"<ErrorResponse><Error><Code>{code}</Code></Error></ErrorResponse>"

    def post(self, path: str, target: str, body: str, url: str) -> tuple[int, str, str]:
        """Status, text and type of AWS' answer to a POST."""
        if path.endswith("/invocations"):
            status, answer = self.invoke(path.split("/")[-2], json.loads(body))
            return status, json.dumps(answer), "application/json"
        if target.startswith("secretsmanager"):
            told = self.secretsmanager(target.rpartition(".")[2], json.loads(body))
            return 200, json.dumps(told), "application/x-amz-json-1.1"
        if target.startswith("AmazonSQS"):
            told = self.sqs(target.rpartition(".")[2], json.loads(body), url)
            return 200, json.dumps(told), "application/x-amz-json-1.0"
        return *self.aws(parse_qs(body)), "text/xml"

    def secretsmanager(self, action: str, asked: Json) -> Json:
        """Secrets Manager's answer to a POST, in its JSON protocol."""
        if action == "GetSecretValue":
            return self.registry.secret(asked["SecretId"])
        if action == "ListSecrets":
            return {"SecretList": [{"Name": n, "LastChangedDate": 0} for n in self.job_secrets]}
        if action == "DeleteSecret":
            self.job_secrets.remove(asked["SecretId"])
        if action == "CreateSecret":
            self.job_secrets.append(asked["Name"])
        return {}

    def invoke(self, function: str, payload: Json) -> tuple[int, Json]:
        """Lambda's answer to an invocation."""
        if function == "penstock-build-local-repositories":
            return 200, self.registry.invoke(payload)
        self.invoked.append((function, payload))
        if function in self.functions:
            return 200, self.functions[function]
        return 404, {"Type": "User", "Message": "Function not found", "Code": NO_FUNCTION}

    def sqs(self, action: str, asked: Json, url: str) -> Json:
        """SQS' answer to a POST, in its JSON protocol."""
        if action == "ListQueues":
            names = ("penstock-local-jobs-release", *self.dead_letters)
            return {"QueueUrls": [f"{url}/0/{name}" for name in names]}
        name = asked["QueueUrl"].rsplit("/", 1)[-1]
        return {"Attributes": {"ApproximateNumberOfMessages": str(self.dead_letters[name])}}


def result_of(action: str, body: str) -> str:
    """A successful answer in AWS' query protocol."""
    return f"<{action}Response><{action}Result>{body}</{action}Result></{action}Response>"


def without_jobs(flow: Json) -> Json:
    """A flow as it is in a list."""
    phases = [{k: v for k, v in phase.items() if k != "jobs"} for phase in flow["phases"]]
    return {**{k: v for k, v in flow.items() if k != "components"}, "phases": phases}


@contextmanager
def serving(fake: FakeStack, home: Path) -> Iterator[str]:
    """Serve the stack on a free port, and write its stack.json to `home`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # http.server's name
            asked = urlsplit(self.path)
            key = asked.path.partition("-artifacts-000000000000/")[2]
            if key:
                self._send_bytes(200, fake.objects[key], "application/octet-stream")
                return
            status, body = fake.answer(asked.path, parse_qs(asked.query))
            self._send(status, json.dumps(body), "application/json")

        def do_POST(self) -> None:  # http.server's name
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            target = self.headers.get("X-Amz-Target", "")
            self._send(*fake.post(self.path, target, body, url))

        def _send(self, status: int, body: str, kind: str) -> None:
            self._send_bytes(status, body.encode(), kind)

        def _send_bytes(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            if status == 404 and self.command == "POST":
                self.send_header("x-amzn-ErrorType", NO_FUNCTION)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with http_server(Handler) as url:
        stack_at(url).save(home / "stack.json")
        yield url


def stack_at(url: str) -> Stack:
    """The description of the stack at this address."""
    return Stack(
        stage="local",
        region="us-east-1",
        account_id="000000000000",
        endpoint_url=url,
        api_url=f"{url}/api",
        page_url=f"{url}/",
        webhook_url=f"{url}/webhook",
        git_url="http://penstock:key@127.0.0.1:2",
        topics={"abort-release": f"{TOPIC}abort-release"},
        queues={"build": f"{url}/0/penstock-local-build"},
        tables={},
        processes={},
    )


def a_job(name: str = "unit", component: str | None = "orders", **given: Any) -> Json:
    job_id = given.pop("job_id", f"{name}{component}".encode().hex().ljust(20, "0")[:20])
    return {
        "job_id": job_id,
        "name": name,
        "component": component,
        "state": "succeeded",
        "exit_code": 0,
        "attempts": 1,
        "started_at": "2026-01-02T03:04:06.000Z",
        "finished_at": "2026-01-02T03:04:07.500Z",
        "reason": "",
        "command": "pytest -q",
        "tail": "1 passed",
        **given,
    }


def a_phase(name: str, state: str = "waiting", *jobs: Json, **given: Any) -> Json:
    began = state not in {"waiting", "skipped"}
    ended = began and state != "running"
    return {
        "phase": name,
        "state": state,
        "reason": "",
        "started_at": "2026-01-02T03:04:05.000Z" if began else None,
        "finished_at": "2026-01-02T03:04:08.000Z" if ended else None,
        "jobs": list(jobs),
        "reused": [],
        "deadline": None,
        **given,
    }


def a_flow(flow_id: str = "a" * 20, state: str = "running", **given: Any) -> Json:
    ended = state not in {"running", "baking"}
    return {
        "flow_id": flow_id,
        "repository": "acme/shop",
        "ref": "refs/heads/main",
        "sha": "c" * 40,
        "intent": "release",
        "state": state,
        "reason": "",
        "started_at": "2026-01-02T03:04:05.000Z",
        "finished_at": "2026-01-02T03:04:15.000Z" if ended else None,
        "release": "2026.01.02-ccccccc",
        "phases": [
            a_phase("build", "succeeded", a_job("build")),
            a_phase("test", "running"),
            *(a_phase(name) for name in ("staging", "bake", "production")),
        ],
        "components": [],
        "author": "Ada",
        "message": "Sell more\n\nMuch more.",
        "attempt": 1,
        "bakes_until": None,
        "stopped_by": "",
        "rollbacks": [],
        **given,
    }
