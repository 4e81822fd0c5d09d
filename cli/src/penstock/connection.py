"""Connects commands to the embedded stack or to a stage on AWS."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from penstock.api import Api
from penstock.errors import CommandError, NoStackError
from penstock.previews import PreviewClient
from penstock.registry import RegistryClient

if TYPE_CHECKING:
    import httpx

TIMEOUT = 30.0
_Signing: TypeAlias = "Generator[httpx.Request, httpx.Response, None]"


class AwsError(CommandError):
    """A call to AWS failed."""


@dataclass(frozen=True)
class Connection:
    """One Penstock. `name` is for messages to people; `client` makes boto3 clients of its AWS.

    `find_webhooks` finds the address that all webhook addresses begin with.
    """

    name: str
    stage: str
    api: Api
    page_url: str
    topic_arn_prefix: str
    queue_url_prefix: str
    client: Callable[[str], Any]
    find_webhooks: Callable[[], str]
    is_embedded: bool = False

    @property
    def registry(self) -> RegistryClient:
        """The registry of repositories."""
        return RegistryClient(self.stage, self.client)

    @property
    def previews(self) -> PreviewClient:
        """Tells what a flow would do."""
        return PreviewClient(self.stage, self.client)

    @property
    def artifact_bucket(self) -> str:
        """The name of the stage's artifact bucket."""
        account = self.topic_arn_prefix.split(":")[4]
        return f"penstock-{self.stage}-artifacts-{account}"

    def webhook_url(self, repository: str) -> str:
        """The webhook address of the repository with this id. Raises NoStackError, AwsError."""
        return f"{self.find_webhooks()}/{repository}"

    def flow_url(self, flow_id: str) -> str:
        """The address of a flow's page."""
        return f"{self.page_url}flows/{flow_id}"

    def publish(self, topic: str, message: str) -> None:
        """Publish a command, for example to `abort-release`. Raises AwsError."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self.client("sns").publish(TopicArn=f"{self.topic_arn_prefix}{topic}", Message=message)
        except (BotoCoreError, ClientError) as error:
            raise AwsError(f"could not publish to {topic}: {error}") from error


def connect(
    stage: str | None = None, profile: str | None = None, home: Path | None = None
) -> Connection:
    """The embedded stack of this home, or a stage on AWS if a stage or a profile is given.

    Raises NoStackError, AwsError.
    """
    return _aws(stage or "dev", profile) if stage or profile else embedded(home)


def embedded(home: Path | None = None) -> Connection:
    """The embedded stack of this home. Raises NoStackError."""
    import httpx

    from penstock.embedded import NotRunningError, Stack

    try:
        stack = Stack.load(home)
    except NotRunningError as error:
        raise NoStackError(str(error)) from error
    return Connection(
        name="the embedded stack",
        stage=stack.stage,
        # The proxies that the shell names are for other machines.
        api=Api(stack.api_url, httpx.Client(timeout=TIMEOUT, trust_env=False)),
        page_url=stack.page_url,
        topic_arn_prefix=stack.topics["abort-release"].removesuffix("abort-release"),
        queue_url_prefix=stack.queues["build"].removesuffix("build"),
        client=stack.client,
        find_webhooks=lambda: stack.webhook_url,
        is_embedded=True,
    )


def _aws(stage: str, profile: str | None) -> Connection:
    import boto3
    import httpx
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        session = boto3.Session(profile_name=profile)
        account = session.client("sts").get_caller_identity()["Account"]
        page = _api_of(session, f"penstock-monitor-{stage}")
    except (BotoCoreError, ClientError) as error:
        raise AwsError(f"stage {stage} on AWS: {error}") from error
    region = session.region_name
    partition, suffix = _names_of(session, region)
    return Connection(
        name=f"stage {stage} on AWS",
        stage=stage,
        api=Api(f"{page}/api", httpx.Client(timeout=TIMEOUT, auth=_signed(session))),
        page_url=f"{page}/",
        topic_arn_prefix=f"arn:{partition}:sns:{region}:{account}:penstock-{stage}-",
        queue_url_prefix=f"https://sqs.{region}.{suffix}/{account}/penstock-{stage}-",
        client=session.client,  # type: ignore[arg-type]  # overloaded for every service
        find_webhooks=lambda: _webhooks_of(session, stage),
    )


def _webhooks_of(session: Any, stage: str) -> str:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return f"{_api_of(session, f'penstock-build-{stage}')}/webhook"
    except (BotoCoreError, ClientError) as error:
        raise AwsError(f"stage {stage} on AWS: {error}") from error


def _api_of(session: Any, stack: str) -> str:
    """The address of a stack's HTTP API. Raises NoStackError when it is not deployed."""
    from botocore.exceptions import ClientError

    try:
        (found,) = session.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        raise NoStackError(
            f"there is no stack {stack} in {session.region_name}; docs/deploy-aws.md says how to "
            "deploy one"
        ) from error
    outputs = {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", ())}
    return str(outputs["HttpApiUrl"]).rstrip("/")


def _names_of(session: Any, region: str) -> tuple[str, str]:
    partition = session.get_partition_for_region(region)
    return partition, "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"


def _signed(session: Any) -> "httpx.Auth":
    """Signs requests with SigV4, as an HTTP API with an IAM authorizer demands."""
    import httpx
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    class Signature(httpx.Auth):
        def auth_flow(self, request: httpx.Request) -> _Signing:
            unsigned = AWSRequest(method=request.method, url=str(request.url))
            signer = SigV4Auth(session.get_credentials(), "execute-api", session.region_name)
            signer.add_auth(unsigned)
            request.headers.update(dict(unsigned.headers.items()))
            yield request

    return Signature()
