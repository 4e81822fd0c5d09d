"""M6: presigned addresses to write lived twelve hours, and could replace what was written.

Whoever came by one, in a log or a proxy, could store anything under its key until the next morning.
"""

from collections.abc import Iterator
from hashlib import sha256
from http.client import HTTPConnection
from urllib.parse import parse_qs, urlsplit

import pytest

from penstock.embedded.home import Home
from penstock_runner.adapters.bucket import LIFETIME
from penstock_shared import aws
from penstock_shared.aws.lean_client import LeanClient
from penstock_shared.storage import ObjectStore, checksum_headers
from tests.support.emulator import OwnEmulator

pytestmark = pytest.mark.integration

CONTENT = b"what was built"
DIGEST = sha256(CONTENT).hexdigest()
KEY = "artifacts/release/orders/1.zip"


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnEmulator]:
    own = OwnEmulator(Home(tmp_path_factory.mktemp("addresses"))).start()
    own.client("s3").create_bucket(Bucket="artifacts")
    yield own
    own.stop()


@pytest.fixture(params=["lean", "boto3"])
def store(
    emulator: OwnEmulator, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> ObjectStore:
    for name, value in emulator.variables.items():
        monkeypatch.setenv(name, value)
    for cached in (aws.client, aws._origin, aws._session):
        cached.cache_clear()
    client = aws.tuned_client("s3")
    assert isinstance(client, LeanClient)
    return ObjectStore(client if request.param == "lean" else client._usual, "artifacts")


def put(address: str, body: bytes, headers: dict[str, str], key: str = "") -> int:
    """The status of the answer; with `key`, the address is bent to that object."""
    parts = urlsplit(address)
    connection = HTTPConnection(parts.netloc, timeout=20)
    path = f"/artifacts/{key}" if key else parts.path
    connection.request("PUT", f"{path}?{parts.query}", body, headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_an_address_stores_one_content_under_one_key(store: ObjectStore) -> None:
    address = store.url_to_put(KEY, LIFETIME, DIGEST)
    headers = checksum_headers(DIGEST)

    assert put(address, CONTENT, headers) == 200
    assert put(address, b"the attacker's", headers) == 400
    assert put(address, b"the attacker's", {}) == 403
    other = checksum_headers(sha256(b"the attacker's").hexdigest())
    assert put(address, b"the attacker's", other) == 403
    assert put(address, CONTENT, headers, key="artifacts/release/billing/1.zip") == 403
    assert store.get(KEY) == CONTENT
    assert put(address, CONTENT, headers) == 200, "a try whose answer was lost is made again"


def test_an_address_lives_for_a_transfer_and_not_for_a_job(store: ObjectStore) -> None:
    query = parse_qs(urlsplit(store.url_to_put(KEY, LIFETIME, DIGEST)).query)

    assert query["X-Amz-Expires"] == ["900"]
