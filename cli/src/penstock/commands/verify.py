"""`penstock verify`: whether an artifact is what a flow built."""

import re
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from penstock.commands.options import HomeOption, JsonOption, ProfileOption, StageOption
from penstock.commands.output import console, print_json
from penstock.connection import AwsError, Connection, connect
from penstock.verification import UnverifiedError, Verified, Verifier
from penstock_shared.contracts.change import Trust

_OF_A_FLOW = re.compile(r"(latest|[0-9a-f]{4,20})/([a-z0-9][a-z0-9_-]*)")


def verify(
    artifact: Annotated[
        str, typer.Argument(help="A file, or FLOW/COMPONENT for what a flow deploys of it.")
    ],
    *,
    trust: Annotated[
        Trust, typer.Option(help="The lowest trust of the flow that may have built it.")
    ] = Trust.RELEASE,
    repository: Annotated[
        str | None,
        typer.Option(help="Refuse it unless it is of this one, github/acme/shop."),
    ] = None,
    as_json: JsonOption = False,
    stage: StageOption = None,
    profile: ProfileOption = None,
    home: HomeOption = None,
) -> None:
    """Check that a flow built exactly this artifact; say which commit, flow and builder.

    Exit 1 if not. It compares the artifact with the provenance beside it in the artifact bucket,
    and both with the plan of the flow.
    """
    connection = connect(stage, profile, home)
    found = _verified(connection, artifact, trust)
    built_for = found.statement.predicate.build_definition.external_parameters.repository
    if repository and repository != built_for:
        raise UnverifiedError(f"it was built for {built_for}, not for {repository}")
    if as_json:
        print_json(found.statement.model_dump(mode="json", by_alias=True))
    else:
        console().print(Text.assemble(("✓", "green"), f" {artifact} is what {built_for} built"))
        console().print(_table(found))


def _verified(connection: Connection, artifact: str, trust: Trust) -> Verified:
    from botocore.exceptions import BotoCoreError, ClientError

    verifier = Verifier(connection.client("s3"), connection.artifact_bucket, trust)
    file, of_a_flow = Path(artifact), _OF_A_FLOW.fullmatch(artifact)
    try:
        if of_a_flow and not file.exists():
            flow = connection.api.find(of_a_flow[1])
            return verifier.component(flow["flow_id"], of_a_flow[2])
        return verifier.file(file)
    except (BotoCoreError, ClientError) as error:
        raise AwsError(f"could not read {connection.artifact_bucket}: {error}") from error


def _table(found: Verified) -> Table:
    details = found.statement.predicate.run_details
    definition = found.statement.predicate.build_definition
    table = Table.grid(padding=(0, 2))
    for name, value in {
        "sha256": found.content.sha256,
        "size": f"{found.content.size:,} bytes",
        "commit": f"{found.plan.change.sha} of {found.plan.change.ref}",
        "component": definition.external_parameters.component,
        "flow": found.plan.flow_id,
        "trust": str(found.plan.trust),
        "builder": details.builder.id,
        "built": f"{details.metadata.finished_on:%Y-%m-%d %H:%M:%S} UTC",
        "vouched for": "by who may write provenance and plans in the bucket; not signed",
    }.items():
        table.add_row(Text(name, "dim"), Text(value))
    return table
