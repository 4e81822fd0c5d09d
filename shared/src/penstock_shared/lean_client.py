"""boto3 clients whose few hot calls cost half the time.

A call through botocore takes some 2 ms of CPU on the machine this was measured on, most of it for
things that a record or a receipt has no use for; a flow is some ninety calls. Here such a call is
botocore's signature around a plain request, about 1 ms. Whatever is not answered with 200 goes
through botocore after all, which knows every error and when to try again.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.serialize import create_serializer
from urllib3.exceptions import HTTPError

# Calls whose requests and answers hold no bytes and no times, which JSON would not carry.
HOT_CALLS = frozenset(
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


@dataclass
class LeanClient:
    """Stands in for `client`, a boto3 client; `credentials` are its session's."""

    client: Any
    credentials: Any
    pool: urllib3.PoolManager

    def __getattr__(self, name: str) -> Any:
        usual = getattr(self.client, name)
        if name not in HOT_CALLS:
            return usual
        call = self._lean(name, usual)
        self.__dict__[name] = call  # found without this function from now on
        return call

    def _lean(self, name: str, usual: Callable[..., Any]) -> Callable[..., Any]:
        def call(**parameters: Any) -> Any:
            request = self._request(name, parameters)
            SigV4Auth(self.credentials.get_frozen_credentials(), *self._scope).add_auth(request)
            try:
                response = self.pool.request(
                    "POST", self._address, body=request.data, headers=dict(request.headers.items())
                )
            except HTTPError:
                return usual(**parameters)
            if response.status != 200:
                return usual(**parameters)
            return json.loads(response.data) if self._speaks_json else {}

        return call

    def _request(self, name: str, parameters: dict[str, Any]) -> AWSRequest:
        operation = self.client.meta.method_to_api_mapping[name]
        if self._speaks_json:
            metadata = self.client.meta.service_model.metadata
            headers = {
                "Content-Type": f"application/x-amz-json-{metadata['jsonVersion']}",
                "X-Amz-Target": f"{metadata['targetPrefix']}.{operation}",
            }
            return AWSRequest("POST", self._address, headers, json.dumps(parameters).encode())
        form = self._serializer.serialize_to_request(
            parameters, self.client.meta.service_model.operation_model(operation)
        )
        body = urlencode(form["body"]).encode()
        return AWSRequest("POST", self._address, dict(form["headers"]), body)

    @cached_property
    def _serializer(self) -> Any:
        return create_serializer("query", include_validation=False)

    @cached_property
    def _speaks_json(self) -> bool:
        return bool(self.client.meta.service_model.resolved_protocol == "json")

    @cached_property
    def _address(self) -> str:
        return f"{self.client.meta.endpoint_url.rstrip('/')}/"

    @cached_property
    def _scope(self) -> tuple[str, str]:
        return self.client.meta.service_model.signing_name, self.client.meta.region_name
