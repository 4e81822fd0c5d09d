"""`penstock artifacts`: the files that a flow's gates left."""

from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from penstock.commands.options import (
    FlowArgument,
    HomeOption,
    JsonOption,
    ProfileOption,
    StageOption,
)
from penstock.commands.output import console, print_json, say
from penstock.connection import AwsError, Connection, connect
from penstock.errors import CommandError
from penstock.flows import ArtifactJson, FlowJson, JobJson, jobs_of, name_of
from penstock_shared.printable import readable

Found = list[tuple[JobJson, ArtifactJson]]


def artifacts(  # each parameter is an option of the command
    flow: FlowArgument,
    *,
    to: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Download them into this folder.")
    ] = None,
    as_json: JsonOption = False,
    stage: StageOption = None,
    profile: ProfileOption = None,
    home: HomeOption = None,
) -> None:
    """List the artifacts and reports that a flow's gates left, or download them."""
    connection = connect(stage, profile, home)
    found = connection.api.find(flow)
    kept = [(job, one) for job in jobs_of(found) for one in job.get("artifacts", [])]
    if to:
        for job, one in kept:
            _download(connection, one, _place(to, job, one))
        say(f"{len(kept)} files in {to}")
    elif as_json:
        print_json([{"job_id": job["job_id"], "gate": name_of(job), **one} for job, one in kept])
    elif kept:
        console().print(_table(kept))
    else:
        say(_nothing(found))


def _table(kept: Found) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("GATE", "FILE", "BYTES", "SHA-256"):
        table.add_column(name, overflow="fold")
    for job, one in kept:
        names = Text(name_of(job)), Text(readable(one["path"]))
        table.add_row(*names, f"{one['size']:,}", one["sha256"][:12])
    return table


def _nothing(flow: FlowJson) -> str:
    return f"the gates of flow {flow['flow_id']} left no files: name them in `artifacts`"


def _place(folder: Path, job: JobJson, one: ArtifactJson) -> Path:
    """A folder for each job, so that no file takes the place of another. Raises CommandError."""
    place = folder / name_of(job).replace("/", "_") / str(job["job_id"]) / one["path"]
    if not place.resolve().is_relative_to(folder.resolve()):
        raise CommandError(f"{readable(one['path'])} leads out of {folder}")
    return place


def _download(connection: Connection, one: ArtifactJson, place: Path) -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    account = connection.topic_arn_prefix.split(":")[4]
    bucket = f"penstock-{connection.stage}-artifacts-{account}"
    try:
        content = connection.client("s3").get_object(Bucket=bucket, Key=one["key"])["Body"].read()
    except (BotoCoreError, ClientError) as error:
        raise AwsError(f"could not download {one['key']}: {error}") from error
    if sha256(content).hexdigest() != one["sha256"]:
        raise CommandError(f"{one['key']} is not what the job left: its SHA-256 is another")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
