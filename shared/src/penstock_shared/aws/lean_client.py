"""Clients whose few hot calls do without botocore.

A call through botocore takes some 2 ms of CPU on the machine this was measured on (S3's 3 ms), most
of it for things that a record or a receipt has no use for, and a flow is some ninety calls; to
import it and make four clients takes a cold start 500 ms. Here a hot call is a signature and a
plain request. Whatever is not answered with 200 goes through boto3 after all, made then, which
knows every error and when to try again.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from penstock_shared.aws.errors import TOO_LATE, too_late
from penstock_shared.aws.origin import Origin
from penstock_shared.aws.signature import Signer
from penstock_shared.aws.wire import Wire, WireError

# Of services that speak JSON: its version, and what stands before the operation's name. Source:
# `metadata` in botocore/data/<service>/*/service-2.json.
_JSON = {
    "dynamodb": ("1.0", "DynamoDB_20120810"),
    "secretsmanager": ("1.1", "secretsmanager"),
    "sqs": ("1.0", "AmazonSQS"),
}
# Calls whose requests and answers hold no bytes, and no times that anyone reads.
_HOT = {
    "dynamodb": {"put_item", "update_item", "get_item", "batch_get_item", "query"},
    "secretsmanager": {"get_secret_value"},
    "sqs": {
        "send_message",
        "send_message_batch",
        "receive_message",
        "delete_message",
        "change_message_visibility",
    },
}
# Calls with no other parameters than these.
_PUBLISH = {"TopicArn", "Message", "MessageAttributes"}
_PUT_OBJECT = {"Bucket", "Key", "Body", "ContentType"}
_GET_OBJECT = {"Bucket", "Key"}
_METHODS = {"get_object": "GET", "put_object": "PUT"}

Call = Callable[..., Any]


@dataclass
class LeanClient:
    """Stands in for the boto3 client of a service, which `make_usual` makes.

    `wire_to` makes the connections to an address.
    """

    service: str
    origin: Origin
    make_usual: Callable[[], Any]
    wire_to: Callable[[str], Wire]
    _wires: dict[str, Wire] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        call = self._lean(name) or getattr(self._usual, name)
        self.__dict__[name] = call  # found without this function from now on
        return call

    def _lean(self, name: str) -> Call | None:
        if name in _HOT.get(self.service, ()):
            return self._json_call(name)
        calls: dict[tuple[str, str], Call] = {
            ("sns", "publish"): self._publish,
            ("s3", "put_object"): self._put_object,
            ("s3", "get_object"): self._get_object,
            ("s3", "generate_presigned_url"): self._presigned,
        }
        return calls.get((self.service, name))

    @cached_property
    def _usual(self) -> Any:
        return self.make_usual()

    @cached_property
    def _address(self) -> str:
        return self.origin.address(self.service)

    @cached_property
    def _signer(self) -> Signer:
        return Signer(self.origin.credentials, self.service, self.origin.region)

    def _json_call(self, name: str) -> Call:
        version, prefix = _JSON[self.service]
        operation = "".join(map(str.capitalize, name.split("_")))
        headers = {
            "content-type": f"application/x-amz-json-{version}",
            "x-amz-target": f"{prefix}.{operation}",
        }

        def call(**parameters: Any) -> Any:
            body = json.dumps(parameters).encode()
            status, content = self._ask("POST", f"{self._address}/", headers, body)
            if status == 200:
                return json.loads(content)
            if status == 400 and TOO_LATE.encode() in content:
                raise too_late(operation, json.loads(content))
            return getattr(self._usual, name)(**parameters)

        return call

    def _publish(self, **parameters: Any) -> Any:
        if not parameters.keys() <= _PUBLISH:
            return self._usual.publish(**parameters)
        headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
        body = urlencode(list(_form_of_publish(parameters))).encode()
        status, _ = self._ask("POST", f"{self._address}/", headers, body)
        return {} if status == 200 else self._usual.publish(**parameters)

    def _put_object(self, **parameters: Any) -> Any:
        if not parameters.keys() <= _PUT_OBJECT:
            return self._usual.put_object(**parameters)
        kind = parameters.get("ContentType", "binary/octet-stream")
        address = self._object(parameters["Bucket"], parameters["Key"])
        status, _ = self._ask("PUT", address, {"content-type": kind}, parameters["Body"])
        return {} if status == 200 else self._usual.put_object(**parameters)

    def _get_object(self, **parameters: Any) -> Any:
        if not parameters.keys() <= _GET_OBJECT:
            return self._usual.get_object(**parameters)
        address = self._object(parameters["Bucket"], parameters["Key"])
        status, content = self._ask("GET", address, {}, b"")
        return {"Body": BytesIO(content)} if status == 200 else self._usual.get_object(**parameters)

    def _presigned(self, operation: str, Params: dict[str, str], ExpiresIn: int = 3600) -> str:  # noqa: N803  # as boto3 names them
        address = self._object(Params["Bucket"], Params["Key"])
        parts = urlsplit(address)
        query = self._signer.presign(_METHODS[operation], parts.netloc, parts.path, ExpiresIn)
        return f"{address}?{query}"

    def _object(self, bucket: str, key: str) -> str:
        parts = urlsplit(self._address)
        path = quote(key, safe="/-_.~")
        if ".amazonaws.com" in parts.netloc:
            return f"{parts.scheme}://{bucket}.{parts.netloc}/{path}"
        return f"{self._address}/{bucket}/{path}"

    def _ask(
        self, method: str, url: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, bytes]:
        """The answer; with status 0 when there is none."""
        parts = urlsplit(url)
        address = f"{parts.scheme}://{parts.netloc}"
        wire = self._wires.get(address) or self._wires.setdefault(address, self.wire_to(address))
        signed = self._signer.sign(method, parts.path, {**headers, "host": parts.netloc}, body)
        try:
            return wire.ask(method, parts.path, signed, body)
        except WireError:
            return 0, b""


def _form_of_publish(parameters: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """As SNS's query protocol wants it, whose version is in its service-2.json too."""
    yield "Action", "Publish"
    yield "Version", "2010-03-31"
    yield "TopicArn", parameters["TopicArn"]
    yield "Message", parameters["Message"]
    for number, (name, value) in enumerate(parameters.get("MessageAttributes", {}).items(), 1):
        entry = f"MessageAttributes.entry.{number}"
        yield f"{entry}.Name", name
        for part, content in value.items():
            yield f"{entry}.Value.{part}", content
