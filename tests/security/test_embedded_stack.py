"""H3: any web page, and any user of the machine, could use the embedded stack as its owner.

The page called the emulator, which answered every origin, every host and every key: it read the
webhook's secret, created a function, and ran code as the developer. Other users did the same, or
read the secret in snapshots.
"""

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from penstock.embedded import Stack
from penstock.embedded.home import Home
from penstock.embedded.stack import ACCOUNT_ID, REGION, Endpoint
from penstock.emulation import peers
from penstock_shared.aws import signature
from penstock_shared.aws.origin import EnvironmentCredentials
from tests.support.emulator import OwnEmulator, wait_for_a_save

pytestmark = pytest.mark.integration

SECRET = "penstock/local/webhook-secret"
READ_SECRET = {
    "X-Amz-Target": "secretsmanager.GetSecretValue",
    "Content-Type": "application/x-amz-json-1.1",
}
EVIL = "http://evil.example"
NOBODY = 65534
ROOT = [pytest.param(NOBODY, id="another user") for _ in range(os.getuid() == 0)]


@dataclass(frozen=True)
class Answer:
    """What a browser gets."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def refused(self) -> bool:
        """Whether nothing of the answer is of use, not even to a page that may not read it."""
        cors = [name for name in self.headers if name.startswith("access-control-")]
        return self.status == 403 and not cors and "SecretString" not in self.body


@dataclass(frozen=True)
class Target:
    """An emulator with a secret and an HTTP API, as a stack has them."""

    emulator: OwnEmulator
    api: str

    def ask(self, method: str, path: str, body: str = "", **headers: str) -> Answer:
        """Send what a browser would; `_` in a name stands for `-`."""
        connection = HTTPConnection(urlsplit(self.emulator.address).netloc, timeout=20)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body.encode() or None, named)
        answer = connection.getresponse()
        content = answer.read().decode(errors="replace")
        connection.close()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, found, content)

    @property
    def host(self) -> str:
        return urlsplit(self.emulator.address).netloc

    @property
    def port(self) -> str:
        return self.host.rpartition(":")[2]

    def presigned(self, path: str) -> str:
        """The query with which anybody may read an object, for a minute."""
        secret = self.emulator.variables["AWS_SECRET_ACCESS_KEY"]
        keys = EnvironmentCredentials(ACCOUNT_ID, secret, None)
        return signature.Signer(keys, "s3", REGION).presign("GET", self.host, path, 60)

    @property
    def page(self) -> str:
        return f"/_aws/execute-api/{self.api}/"


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    own = OwnEmulator(Home(tmp_path_factory.mktemp("closed"))).start()
    own.client("secretsmanager").create_secret(Name=SECRET, SecretString="s3cret")
    api = own.client("apigatewayv2").create_api(
        Name="page",
        ProtocolType="HTTP",
        CorsConfiguration={"AllowOrigins": ["*"], "AllowMethods": ["*"]},
    )["ApiId"]
    yield Target(own, api)
    own.stop()


WANTS = json.dumps({"SecretId": SECRET})
FROM_A_PAGE = {
    "a preflight": ("OPTIONS", "/", "", {"Access-Control-Request-Method": "POST"}),
    "a preflight of an API": ("OPTIONS", "{page}", "", {"Access-Control-Request-Method": "POST"}),
    "a call": ("POST", "/", WANTS, READ_SECRET),
    "a call that needs no preflight": (
        "POST", "/", "Action=GetCallerIdentity", {"Content-Type": "text/plain"},
    ),
    "a form": (
        "POST", "/", "Action=ListTopics", {"Content-Type": "application/x-www-form-urlencoded"},
    ),
    "a reset": ("POST", "/_ministack/reset", "", {"Content-Type": "text/plain"}),
    "a webhook": ("POST", "{page}webhook", "{}", {"Content-Type": "text/plain"}),
    "a read of the page": ("GET", "{page}", "", {}),
}  # fmt: skip


@pytest.mark.parametrize("origin", [EVIL, "null", "http://localhost:3000", "http://127.0.0.1:1"])
@pytest.mark.parametrize("attack", FROM_A_PAGE)
def test_a_page_of_another_origin_gets_nothing(target: Target, attack: str, origin: str) -> None:
    method, path, body, headers = FROM_A_PAGE[attack]

    answer = target.ask(method, path.format(page=target.page), body, **headers, Origin=origin)

    assert answer.refused, answer


@pytest.mark.parametrize(
    "fetch",
    [
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Dest": "image"},
        {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Dest": "script"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "iframe"},
        {"Sec_Fetch_Site": "cross-site"},
    ],
    ids=["an image", "a script of another port", "a frame", "anything else"],
)
def test_a_page_of_another_origin_embeds_nothing(target: Target, fetch: dict[str, str]) -> None:
    assert target.ask("GET", target.page, **fetch).refused


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "{api}", ""])
def test_a_page_whose_name_was_rebound_to_this_machine_gets_nothing(
    target: Target, host: str
) -> None:
    """The page's own name resolves to 127.0.0.1 after it was loaded: to the browser, the emulator
    is of its own origin.
    """
    host = host.format(port=target.port, api=f"{target.api}.execute-api.evil.example:{target.port}")
    call = READ_SECRET | {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}

    assert target.ask("POST", "/", WANTS, **call).refused
    assert target.ask("GET", target.page, Host=host).refused


def test_a_link_to_the_page_may_be_followed(target: Target) -> None:
    followed = {
        "Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document",
    }  # fmt: skip

    assert target.ask("GET", target.page, **followed).status == 404  # of the API, which has no page
    assert target.ask("GET", target.page, Sec_Fetch_Site="none").status == 404
    assert target.ask("POST", "/", WANTS, **READ_SECRET, **followed).refused


def test_the_page_itself_may_ask_its_api(target: Target) -> None:
    own = {"Origin": target.emulator.address, "Sec_Fetch_Site": "same-origin"}
    named = {"Host": f"{target.api}.execute-api.localhost:{target.port}"}

    assert target.ask("GET", target.page, **own).status == 404
    assert target.ask("GET", "/", **named).status == 404


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/health",
        "/_ministack/health",
        "/_ministack/config",
        "/_aws/sqs/messages",
        "/_aws/execute-api/{api}",
        "/_aws/execute-api//x",
        "/_aws/execute-api/../../_ministack/reset",
        "/_aws/execute-api/%2e%2e/",
        "/2015-03-31/functions",
        "/a-bucket/a-key",
        "/?X-Amz-Credential=000000000000/20260101/us-east-1/s3/aws4_request",
        "/?AWSAccessKeyId=000000000000&Signature=x&Expires=9999999999",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_nothing_answers_without_the_key(target: Target, method: str, path: str) -> None:
    assert target.ask(method, path.format(api=target.api), "{}").refused


def test_the_host_of_an_api_leads_to_that_api_only(target: Target) -> None:
    host = f"{target.api}.execute-api.localhost:{target.port}"

    answer = target.ask("POST", "/_ministack/reset", "{}", Host=host)

    assert answer.status == 404
    assert target.emulator.client("secretsmanager").get_secret_value(SecretId=SECRET)


@pytest.mark.parametrize("secret", ["test", "", "0" * 48])
def test_a_guessed_key_is_refused(target: Target, secret: str) -> None:
    """Every emulator of its kind accepts the key `test`."""
    guess = Endpoint(target.emulator.address, secret or "none")

    for service, call in (("secretsmanager", "list_secrets"), ("s3", "list_buckets")):
        with pytest.raises(ClientError) as refused:
            getattr(guess.client(service), call)()
        assert refused.value.response["Error"]["Code"] == "SignatureDoesNotMatch"
    with pytest.raises(ClientError, match=r"stack\.json"):
        guess.client("sns").list_topics()


def test_a_presigned_address_opens_nothing_else(target: Target) -> None:
    """It names the id of the stack's key, and a runner or a log may hold it."""
    s3 = target.emulator.client("s3")
    s3.create_bucket(Bucket="things")
    s3.put_object(Bucket="things", Key="mine", Body=b"content")
    s3.put_object(Bucket="things", Key="other", Body=b"secret")
    query = target.presigned("/things/mine")

    assert target.ask("GET", f"/things/mine?{query}").body == "content"
    assert target.ask("GET", f"/things/other?{query}").refused
    assert target.ask("PUT", f"/things/mine?{query}", "mine now").refused
    assert target.ask("POST", f"/?{query}", WANTS, **READ_SECRET).refused


def test_a_presigned_address_expires(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    an_hour_ago = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() - 3600))
    monkeypatch.setattr(signature, "_now", lambda: an_hour_ago)

    assert target.ask("GET", f"/things/mine?{target.presigned('/things/mine')}").refused


ASK = """
import sys, urllib.error, urllib.request
try:
    print(urllib.request.urlopen(sys.argv[1], timeout=20).status)
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
"""


@pytest.mark.parametrize("user", ROOT)
def test_another_user_of_the_machine_gets_nothing(target: Target, user: int) -> None:
    command = ["/usr/bin/env", "python3", "-c", ASK, f"{target.emulator.address}{target.page}"]

    said = subprocess.run(command, user=user, capture_output=True, text=True, check=True).stdout

    assert "403" in said
    assert "another user" in said


def test_the_kernel_says_whose_a_connection_is(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = HTTPConnection(target.host)
    connection.connect()
    ours, theirs = connection.sock.getsockname(), connection.sock.getpeername()

    assert peers.owner_of(ours, theirs) == os.getuid()
    assert peers._owner_in_table(ours, theirs) == os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    monkeypatch.setattr(peers, "_ROOT", 4712)
    assert not peers.may_speak({"client": ours, "server": theirs})
    connection.close()
    assert peers.owner_of(ours, theirs) is None


def test_what_a_stack_writes_is_its_user_s_alone(target: Target) -> None:
    home = target.emulator.home
    wait_for_a_save(home)

    open_to_others = [
        path
        for path in (home.folder, *home.folder.rglob("*"))
        if not path.is_symlink() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    ]

    assert (home.emulator / "snapshots" / "current" / "secretsmanager.json").exists()
    assert open_to_others == []


def test_a_home_of_an_earlier_version_is_closed(tmp_path: Path) -> None:
    old = tmp_path / "home" / "emulator" / "snapshots"
    old.mkdir(parents=True)
    (old / "secretsmanager.json").write_text("s3cret")
    (old / "current").symlink_to(tmp_path)
    tmp_path.chmod(0o755)

    Home(tmp_path / "home").make()

    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700
    assert stat.S_IMODE((old / "secretsmanager.json").stat().st_mode) & 0o077 == 0
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755, "what a link leads to is not the home's"


def test_two_stacks_have_two_keys(tmp_path: Path, target: Target) -> None:
    other = OwnEmulator(Home(tmp_path)).start()
    try:
        stolen = Endpoint(other.address, target.emulator.variables["AWS_SECRET_ACCESS_KEY"])
        with pytest.raises(ClientError):
            stolen.client("secretsmanager").list_secrets()
    finally:
        other.stop()


def test_the_key_is_not_shown_by_accident(target: Target) -> None:
    secret = target.emulator.variables["AWS_SECRET_ACCESS_KEY"]
    stack = Stack("", "", "", "", "", "", "", "", {}, {}, {}, {}, secret_access_key=secret)
    commands = Path("/proc").glob("[0-9]*/cmdline") if sys.platform == "linux" else []

    assert secret not in f"{stack} {stack.endpoint}"
    assert not [path for path in commands if secret in _read(path)]


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
