"""The artifact bucket: immutable objects, and presigned addresses for callers without keys."""

from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256 as digest
from typing import Any

from penstock_shared.aws import errors
from penstock_shared.errors import RefusedMessageError


class OtherContentError(RefusedMessageError):
    """An object has other content than a message or record says. A retry would find the same."""


@dataclass(frozen=True)
class ObjectStore:
    """One S3 bucket. `client` is a boto3 client that signs with SigV4."""

    client: Any
    bucket: str

    def put(self, key: str, body: bytes, content_type: str = "application/json") -> None:
        """Write an object."""
        self.client.put_object(Bucket=self.bucket, Key=key, Body=body, ContentType=content_type)

    def get(self, key: str) -> bytes:
        """Read an object. Raises botocore's ClientError when there is none."""
        return bytes(self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read())

    def get_verified(self, key: str, sha256: str) -> bytes:
        """Read an object, and verify that its content has this SHA-256, in hex.

        Raises OtherContentError when it has not, and ClientError when there is none.
        """
        body = self.get(key)
        if digest(body).hexdigest() != sha256:
            raise OtherContentError(f"the object {key} is not the one that was meant")
        return body

    def delete(self, key: str) -> None:
        """Delete an object. A missing one counts as deleted."""
        self.client.delete_object(Bucket=self.bucket, Key=key)

    def exists(self, key: str) -> bool:
        """Whether there is an object under this key."""
        try:
            self.client.head_object(Bucket=self.bucket, Key=key)
        except errors.ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return False
            raise
        return True

    def url_to_get(self, key: str, seconds: int) -> str:
        """An address that lets anyone read this object for so long."""
        return self._presign("get_object", key, seconds)

    def url_to_put(self, key: str, seconds: int, sha256: str) -> str:
        """An address that lets anyone write this content under this key for so long.

        `sha256` is in hex. S3 refuses other content. The request needs `checksum_headers`.
        """
        return self._presign("put_object", key, seconds, ChecksumSHA256=_in_base64(sha256))

    def _presign(self, operation: str, key: str, seconds: int, **more: str) -> str:
        place = {"Bucket": self.bucket, "Key": key, **more}
        return str(self.client.generate_presigned_url(operation, Params=place, ExpiresIn=seconds))


def checksum_headers(sha256: str) -> dict[str, str]:
    """The headers of a request that stores content with this digest, in hex.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
    """
    return {"x-amz-checksum-sha256": _in_base64(sha256)}


def _in_base64(sha256: str) -> str:
    return b64encode(bytes.fromhex(sha256)).decode()
