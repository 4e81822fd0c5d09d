"""AWS Signature Version 4, in the Authorization header or in an address.

botocore's signer takes three times as long as the request that it signs, because it derives the
day's key for each request and handles the exceptions of every service. A test compares this signer
with botocore's. Source:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import quote

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass
class Signer:
    """Signs requests to one service in one region. botocore refreshes its `credentials`.

    `service` is the name in the signature's scope.
    """

    credentials: Any
    service: str
    region: str
    _newest_key: tuple[str, str, bytes] = field(default=("", "", b""), repr=False)

    def sign(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> dict[str, str]:
        """Return `headers`, `host` among them, with the headers of the signature.

        `path` is encoded as it is sent, and the request has no query. Headers are in lower case.
        """
        credentials = self.credentials.get_frozen_credentials()
        now = _now()
        digest = sha256(body).hexdigest()
        signed = {**headers, "x-amz-date": now}
        if credentials.token:
            signed["x-amz-security-token"] = credentials.token
        if self.service == "s3":
            signed["x-amz-content-sha256"] = digest
        names = ";".join(sorted(signed))
        lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
        canonical = f"{method}\n{path}\n\n{lines}\n{names}\n{digest}"
        signature = self._signature(credentials.secret_key, canonical, now)
        signed["authorization"] = (
            f"{_ALGORITHM} Credential={credentials.access_key}/{self._scope(now)}, "
            f"SignedHeaders={names}, Signature={signature}"
        )
        return signed

    def presign(
        self,
        method: str,
        host: str,
        path: str,
        seconds: int,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        """The query that permits this request to S3 to anyone, for so many seconds.

        The request must have these headers, whose names are in lower case.
        """
        signed = {"host": host, **(headers or {})}
        names = ";".join(sorted(signed))
        credentials = self.credentials.get_frozen_credentials()
        now = _now()
        fields = {
            "X-Amz-Algorithm": _ALGORITHM,
            "X-Amz-Credential": f"{credentials.access_key}/{self._scope(now)}",
            "X-Amz-Date": now,
            "X-Amz-Expires": str(seconds),
            "X-Amz-SignedHeaders": names,
        }
        if credentials.token:
            fields["X-Amz-Security-Token"] = credentials.token
        query = "&".join(f"{name}={quote(fields[name], safe='~')}" for name in sorted(fields))
        lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
        canonical = f"{method}\n{path}\n{query}\n{lines}\n{names}\nUNSIGNED-PAYLOAD"
        signature = self._signature(credentials.secret_key, canonical, now)
        return f"{query}&X-Amz-Signature={signature}"

    def _signature(self, secret: str, canonical: str, now: str) -> str:
        digest = sha256(canonical.encode()).hexdigest()
        text = f"{_ALGORITHM}\n{now}\n{self._scope(now)}\n{digest}"
        return hmac.digest(self._day_key(secret, now[:8]), text.encode(), "sha256").hex()

    def _scope(self, now: str) -> str:
        return f"{now[:8]}/{self.region}/{self.service}/aws4_request"

    def _day_key(self, secret: str, day: str) -> bytes:
        of_secret, of_day, key = self._newest_key
        if (of_secret, of_day) != (secret, day):
            key = f"AWS4{secret}".encode()
            for part in (day, self.region, self.service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._newest_key = secret, day, key
        return key


def _now() -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
