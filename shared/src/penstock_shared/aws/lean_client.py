"""Clients that make their most frequent calls without botocore.

A call through botocore took about 2 ms of CPU where we measured it (S3: 3 ms), and a flow makes
about ninety calls. Importing botocore and making four clients adds 500 ms to a cold start. Here a
hot call is a signature and a plain request. A call that is not answered with 200 is repeated
through boto3, which is imported only then: it knows every error, and when to retry.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from penstock_shared.aws.errors import NOT_FOUND, TOO_LATE, usual_error
from penstock_shared.aws.origin import Origin
from penstock_shared.aws.signature import Signer
from penstock_shared.aws.wire import Wire, WireError

# For each service that speaks JSON: its JSON version, and the prefix of its operations' names.
# Source: `metadata` in botocore/data/<service>/*/service-2.json.
_JSON = {
    "dynamodb": ("1.0", "DynamoDB_20120810"),
    "secretsmanager": ("1.1", "secretsmanager"),
    "sqs": ("1.0", "AmazonSQS"),
}
# Calls without binary values, and without timestamps that a caller reads: plain JSON is enough.
_HOT = {
    "dynamodb": {
        "put_item",
        "update_item",
        "get_item",
        "batch_get_item",
        "batch_write_item",
        "query",
    },
    "secretsmanager": {"get_secret_value"},
    "sqs": {
        "send_message",
        "send_message_batch",
        "receive_message",
        "delete_message",
        "change_message_visibility",
    },
}
# Errors that callers count on. Asking boto3 for them would mean importing it.
_EXPECTED = {"dynamodb": TOO_LATE, "secretsmanager": NOT_FOUND}
# These calls are hot only if they use no other parameters.
_PARAMETERS = {
    "invoke": {"FunctionName", "Payload"},
    "publish": {"TopicArn", "Message", "MessageAttributes"},
    "put_object": {"Bucket", "Key", "Body", "ContentType"},
    "get_object": {"Bucket", "Key"},
    "delete_object": {"Bucket", "Key"},
}
_METHODS = {"get_object": "GET", "put_object": "PUT"}

Call = Callable[..., Any]


@dataclass
class LeanClient:
    """Replaces the boto3 client of a service. `make_usual` makes that client when it is needed.

    `wire_to` makes the connections to an address.
    """

    service: str
    origin: Origin
    make_usual: Callable[[], Any]
    wire_to: Callable[[str], Wire]
    _wires: dict[str, Wire] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        short = self._short_way(name)
        call = self._or_usual(name, short) if short else getattr(self._usual, name)
        self.__dict__[name] = call  # the next access does not come here
        return call

    def _short_way(self, name: str) -> Call | None:
        """The hot call of that name, if there is one. It returns None to hand over to boto3."""
        if name in _HOT.get(self.service, ()):
            return self._json_call(name)
        calls: dict[tuple[str, str], Call] = {
            ("lambda", "invoke"): self._invoke,
            ("sns", "publish"): self._publish,
            ("s3", "put_object"): self._put_object,
            ("s3", "get_object"): self._get_object,
            ("s3", "delete_object"): self._delete_object,
            ("s3", "generate_presigned_url"): self._presigned,
        }
        return calls.get((self.service, name))

    def _or_usual(self, name: str, short: Call) -> Call:
        hot = _PARAMETERS.get(name)

        def call(*arguments: Any, **parameters: Any) -> Any:
            answer = None
            if hot is None or parameters.keys() <= hot:
                answer = short(*arguments, **parameters)
            return (
                getattr(self._usual, name)(*arguments, **parameters) if answer is None else answer
            )

        return call

    @cached_property
    def _usual(self) -> Any:
        return self.make_usual()

    @cached_property
    def _endpoint(self) -> tuple[str, str]:
        """The service's address, and the prefix of all its paths, which is usually empty."""
        parts = urlsplit(self.origin.address(self.service))
        return f"{parts.scheme}://{parts.netloc}", parts.path

    @cached_property
    def _signer(self) -> Signer:
        return Signer(self.origin.credentials, self.service, self.origin.region)

    def _json_call(self, name: str) -> Call:
        version, prefix = _JSON[self.service]
        expected = _EXPECTED.get(self.service, "")
        operation = "".join(map(str.capitalize, name.split("_")))
        headers = {
            "content-type": f"application/x-amz-json-{version}",
            "x-amz-target": f"{prefix}.{operation}",
        }

        def call(**parameters: Any) -> Any:
            body = json.dumps(parameters).encode()
            status, content = self._post(headers, body)
            if status == 400 and expected and expected.encode() in content:
                raise usual_error(operation, expected, json.loads(content))
            return json.loads(content) if status == 200 else None

        return call

    def _invoke(self, FunctionName: str, Payload: bytes) -> Any:  # noqa: N803
        """The answer without `FunctionError`: an error of the function is known by its payload."""
        address, prefix = self._endpoint
        path = f"{prefix}/2015-03-31/functions/{quote(FunctionName, safe='')}/invocations"
        status, content = self._ask("POST", address, path, {}, Payload)
        return {"Payload": BytesIO(content)} if status == 200 else None

    def _publish(self, **parameters: Any) -> Any:
        headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
        body = urlencode(list(_form_of_publish(parameters))).encode()
        status, _ = self._post(headers, body)
        return {} if status == 200 else None

    def _put_object(
        self,
        Bucket: str,  # noqa: N803  # boto3's names, here and below
        Key: str,  # noqa: N803
        Body: bytes,  # noqa: N803
        ContentType: str = "binary/octet-stream",  # noqa: N803
    ) -> Any:
        status, _ = self._ask("PUT", *self._place(Bucket, Key), {"content-type": ContentType}, Body)
        return {} if status == 200 else None

    def _get_object(self, Bucket: str, Key: str) -> Any:  # noqa: N803
        status, content = self._ask("GET", *self._place(Bucket, Key), {}, b"")
        return {"Body": BytesIO(content)} if status == 200 else None

    def _delete_object(self, Bucket: str, Key: str) -> Any:  # noqa: N803
        status, _ = self._ask("DELETE", *self._place(Bucket, Key), {}, b"")
        return {} if status == 204 else None

    def _presigned(self, operation: str, Params: dict[str, str], ExpiresIn: int = 3600) -> str:  # noqa: N803
        address, path = self._place(Params["Bucket"], Params["Key"])
        host = urlsplit(address).netloc
        checksum = Params.get("ChecksumSHA256")
        headers = {"x-amz-checksum-sha256": checksum} if checksum else {}
        query = self._signer.presign(_METHODS[operation], host, path, ExpiresIn, headers)
        return f"{address}{path}?{query}"

    def _place(self, bucket: str, key: str) -> tuple[str, str]:
        """A bucket's address, and the path of an object there."""
        address, prefix = self._endpoint
        path = quote(key, safe="/-_.~")
        if ".amazonaws.com" in address:
            return address.replace("://", f"://{bucket}."), f"{prefix}/{path}"
        return address, f"{prefix}/{bucket}/{path}"

    def _post(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        address, prefix = self._endpoint
        return self._ask("POST", address, f"{prefix}/", headers, body)

    def _ask(
        self, method: str, address: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, bytes]:
        """Status and body of the answer; the status is 0 when there is no answer."""
        wire = self._wires.get(address) or self._wires.setdefault(address, self.wire_to(address))
        headers = {**headers, "host": urlsplit(address).netloc}
        try:
            return wire.ask(method, path, self._signer.sign(method, path, headers, body), body)
        except WireError:
            return 0, b""


def _form_of_publish(parameters: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The fields of SNS's query protocol. Source of the version: SNS's service-2.json."""
    yield "Action", "Publish"
    yield "Version", "2010-03-31"
    yield "TopicArn", parameters["TopicArn"]
    yield "Message", parameters["Message"]
    for number, (name, value) in enumerate(parameters.get("MessageAttributes", {}).items(), 1):
        entry = f"MessageAttributes.entry.{number}"
        yield f"{entry}.Name", name
        for part, content in value.items():
            yield f"{entry}.Value.{part}", content
