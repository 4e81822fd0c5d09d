"""AWS Signature Version 4 in the Authorization header.

Written out here because botocore's takes three times as long as the request that it signs: it
derives the day's key anew for each, and knows every service's exceptions. Source:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html; a test
holds it against botocore's.
"""

import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass
class Signer:
    """Signs requests to one service in one region. `credentials` are botocore's, refreshed there.

    The service's name is the one that it signs with.
    """

    credentials: Any
    service: str
    region: str
    _newest_key: tuple[str, str, bytes] = field(default=("", "", b""), repr=False)

    def sign(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> dict[str, str]:
        """The headers, `host` among them, and those that prove who asks.

        `path` is encoded as it is sent, and there is no query. Names are in lower case.
        """
        credentials = self.credentials.get_frozen_credentials()
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        digest = sha256(body).hexdigest()
        signed = {**headers, "x-amz-date": now}
        if credentials.token:
            signed["x-amz-security-token"] = credentials.token
        if self.service == "s3":
            signed["x-amz-content-sha256"] = digest
        names = ";".join(sorted(signed))
        lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
        canonical = f"{method}\n{path}\n\n{lines}\n{names}\n{digest}"
        day = now[:8]
        scope = f"{day}/{self.region}/{self.service}/aws4_request"
        text = f"{_ALGORITHM}\n{now}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
        signature = hmac.digest(self._day_key(credentials.secret_key, day), text.encode(), "sha256")
        signed["authorization"] = (
            f"{_ALGORITHM} Credential={credentials.access_key}/{scope}, "
            f"SignedHeaders={names}, Signature={signature.hex()}"
        )
        return signed

    def _day_key(self, secret: str, day: str) -> bytes:
        of_secret, of_day, key = self._newest_key
        if (of_secret, of_day) != (secret, day):
            key = f"AWS4{secret}".encode()
            for part in (day, self.region, self.service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._newest_key = secret, day, key
        return key
