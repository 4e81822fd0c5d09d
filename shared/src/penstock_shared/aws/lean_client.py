"""boto3 clients whose few hot calls cost a tenth of the time.

A call through botocore takes some 2 ms of CPU on the machine this was measured on (S3's 3 ms), most
of it for things that a record or a receipt has no use for; a flow is some ninety calls. Here such a
call is a signature and a plain request. Whatever is not answered with 200 goes through botocore
after all, which knows every error and when to try again.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from botocore.serialize import create_serializer

from penstock_shared.aws.signature import Signer
from penstock_shared.aws.wire import Wire, WireError

# Calls whose requests and answers hold no bytes and no times, which JSON would not carry.
_HOT = frozenset(
    {
        "put_item",
        "update_item",
        "get_item",
        "batch_get_item",
        "query",
        "send_message",
        "send_message_batch",
        "receive_message",
        "delete_message",
        "change_message_visibility",
        "publish",
    }
)
# Of objects, with no other parameters than these.
_HOT_OBJECTS = {
    "put_object": frozenset({"Bucket", "Key", "Body", "ContentType"}),
    "get_object": frozenset({"Bucket", "Key"}),
}

Call = Callable[..., Any]


@dataclass
class LeanClient:
    """Stands in for `client`, a boto3 client; `credentials` are its session's.

    `wire_to` makes the connections to an address.
    """

    client: Any
    credentials: Any
    wire_to: Callable[[str], Wire]
    _buckets: dict[str, tuple[Wire, str]] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        usual = getattr(self.client, name)
        call = self._lean(name, usual)
        self.__dict__[name] = call  # found without this function from now on
        return call

    def _lean(self, name: str, usual: Call) -> Call:
        if self._protocol == "rest-xml" and name in _HOT_OBJECTS:
            return self._object_call(name, usual)
        if self._protocol == "json" and name in _HOT:
            return self._json_call(name, usual)
        if self._protocol == "query" and name in _HOT:
            return self._query_call(name, usual)
        return usual

    def _json_call(self, name: str, usual: Call) -> Call:
        metadata = self.client.meta.service_model.metadata
        headers = {
            "content-type": f"application/x-amz-json-{metadata['jsonVersion']}",
            "host": self._wire.host,
            "x-amz-target": f"{metadata['targetPrefix']}.{self._operation(name)}",
        }

        def call(**parameters: Any) -> Any:
            content = self._ask(self._wire, "POST", "/", headers, json.dumps(parameters).encode())
            return usual(**parameters) if content is None else json.loads(content)

        return call

    def _query_call(self, name: str, usual: Call) -> Call:
        model = self.client.meta.service_model.operation_model(self._operation(name))
        serializer = create_serializer("query", include_validation=False)

        def call(**parameters: Any) -> Any:
            form = serializer.serialize_to_request(parameters, model)
            headers = {"content-type": form["headers"]["Content-Type"], "host": self._wire.host}
            content = self._ask(self._wire, "POST", "/", headers, urlencode(form["body"]).encode())
            return usual(**parameters) if content is None else {}

        return call

    def _object_call(self, name: str, usual: Call) -> Call:
        method = "PUT" if name == "put_object" else "GET"

        def call(**parameters: Any) -> Any:
            if not parameters.keys() <= _HOT_OBJECTS[name]:
                return usual(**parameters)
            wire, prefix = self._bucket(parameters["Bucket"])
            headers = {"host": wire.host}
            if "ContentType" in parameters:
                headers["content-type"] = parameters["ContentType"]
            path = prefix + quote(parameters["Key"], safe="/-_.~")
            content = self._ask(wire, method, path, headers, parameters.get("Body", b""))
            if content is None:
                return usual(**parameters)
            return {"Body": BytesIO(content)} if method == "GET" else {}

        return call

    def _ask(
        self, wire: Wire, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> bytes | None:
        signed = self._signer.sign(method, path, headers, body)
        try:
            status, content = wire.ask(method, path, signed, body)
        except WireError:
            return None
        return content if status == 200 else None

    def _bucket(self, name: str) -> tuple[Wire, str]:
        """The way to a bucket and its objects' prefix there, which only botocore can tell."""
        if name not in self._buckets:
            found = urlsplit(
                self.client.generate_presigned_url(
                    "get_object", Params={"Bucket": name, "Key": "k"}
                )
            )
            wire = self.wire_to(f"{found.scheme}://{found.netloc}")
            self._buckets[name] = wire, found.path.removesuffix("k")
        return self._buckets[name]

    def _operation(self, name: str) -> str:
        return str(self.client.meta.method_to_api_mapping[name])

    @cached_property
    def _wire(self) -> Wire:
        return self.wire_to(self.client.meta.endpoint_url.rstrip("/"))

    @cached_property
    def _protocol(self) -> str:
        return str(self.client.meta.service_model.resolved_protocol)

    @cached_property
    def _signer(self) -> Signer:
        model = self.client.meta.service_model
        return Signer(self.credentials, model.signing_name, self.client.meta.region_name)
