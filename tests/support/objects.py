"""An artifact bucket in memory."""

from dataclasses import dataclass, field
from typing import Any

from penstock_shared.storage import ObjectStore


@dataclass
class InMemoryBucket:
    """The few calls of an S3 client that ObjectStore makes, over a dictionary."""

    objects: dict[str, bytes] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def put_object(self, *, Key: str, Body: bytes, **_: Any) -> None:  # noqa: N803  # boto3's names
        self.calls.append("put")
        self.objects[Key] = Body

    def get_object(self, *, Key: str, **_: Any) -> dict[str, Any]:  # noqa: N803  # boto3's names
        from io import BytesIO

        self.calls.append("get")
        return {"Body": BytesIO(self.objects[Key])}

    def head_object(self, *, Key: str, **_: Any) -> None:  # noqa: N803  # boto3's names
        from botocore.exceptions import ClientError

        self.calls.append("head")
        if Key not in self.objects:
            missing = {"Error": {}, "ResponseMetadata": {"HTTPStatusCode": 404}}
            raise ClientError(missing, "HeadObject")  # type: ignore[arg-type]  # only what is read


def a_bucket() -> ObjectStore:
    return ObjectStore(InMemoryBucket(), "artifacts")
