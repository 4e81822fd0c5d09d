"""Secrets on a whole stack: from `penstock secret set` to the log of a deploy command."""

import base64
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.product import Product, Repository

VALUE = 'sh0p\'s "deploy" k€y/1'
CONFIGURATION = """\
version: 1
components:
  shop:
    deploy: {driver: command, run: ./deploy.sh, rollback: ./deploy.sh, secrets: {KEY: DEPLOY_KEY}}
environments: {production: }
release: {to: production}
"""
# What it prints proves that it was given the value, and nothing of what is promised to be masked.
DEPLOY = """\
#!/bin/sh -e
echo "the key is $KEY"
printf 'user:%s' "$KEY" | base64
printf '%s' "$KEY" | head -c 7; sleep 0.1; printf '%s\\n' "${KEY#???????}"
printf '%s' "$KEY" | sha256sum
printf '%s' "$KEY" | rev
"""


def penstock(home: Path, *arguments: str, value: str = "", code: int = 0) -> str:
    """What the command prints."""
    done = subprocess.run(
        [Path(sys.executable).with_name("penstock"), *arguments],
        env=os.environ | {"PENSTOCK_HOME": str(home)},
        input=value.encode(),
        capture_output=True,
        check=False,
    )
    printed = (done.stdout + done.stderr).decode()
    assert done.returncode == code, printed
    return printed


def test_a_deploy_command_is_given_its_secret_and_nobody_is_shown_it(
    product: Product, repository: Repository, home: Path
) -> None:
    """The command is as hostile as an accident: it prints the secret in several ways.

    Printed in reverse it is not masked: that masking is no fence is promised just as well.
    """
    name = ("DEPLOY_KEY", "--repository", repository.name, "--forge", "git")
    stored = penstock(home, "secret", "set", *name, "--environment", "production", value=VALUE)
    repository.work.write({"deploy.sh": DEPLOY})
    (repository.work.folder / "deploy.sh").chmod(0o755)

    flow_id = repository.push({"penstock.yml": CONFIGURATION})
    flow = product.await_state(flow_id, "succeeded")

    (job,) = (job for phase in flow["phases"] for job in phase["jobs"])
    log = penstock(home, "logs", flow_id)
    page = product.http.get(f"{product.stack.page_url}flows/{flow_id}/jobs/{job['job_id']}").text
    for shown in (log, page):
        assert "the key is ***" in shown
        assert hashlib.sha256(VALUE.encode()).hexdigest() in shown
        assert "k€y"[::-1] in shown
    listed = penstock(home, "secret", "list", "--repository", repository.name)
    assert "DEPLOY_KEY" in listed
    encoded = base64.b64encode(f"user:{VALUE}".encode()).decode()
    for kept in (stored, log, page, listed, json.dumps(flow), *everything_stored(product)):
        assert VALUE not in kept
        assert VALUE[:7] not in kept
        assert encoded[8:-4] not in kept


def everything_stored(product: Product) -> Iterator[str]:
    """All records, objects and logs of the stack."""
    client = product.stack.client
    s3 = client("s3")
    for table in product.stack.tables.values():
        yield str(client("dynamodb").scan(TableName=table)["Items"])
    bucket = f"penstock-{product.stack.stage}-artifacts-{product.stack.account_id}"
    for found in s3.list_objects_v2(Bucket=bucket).get("Contents", ()):
        with s3.get_object(Bucket=bucket, Key=found["Key"])["Body"] as body:
            yield body.read().decode("latin-1")
    logs: Any = client("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        events = logs.filter_log_events(logGroupName=group["logGroupName"])["events"]
        yield "\n".join(event["message"] for event in events)


def test_a_flow_whose_secret_is_missing_ends_with_what_to_do(
    product: Product, repository: Repository, home: Path
) -> None:
    flow_id = repository.push({"penstock.yml": CONFIGURATION, "deploy.sh": DEPLOY})

    flow = product.await_state(flow_id, "failed")

    assert f"git/{repository.name} has no secret DEPLOY_KEY" in json.dumps(flow)
    assert "penstock secret set DEPLOY_KEY" in penstock(home, "show", flow_id)


def test_the_registry_says_whose_secret_is_meant(
    product: Product, repository: Repository, home: Path
) -> None:
    name = ("secret", "set", "TOKEN", "--repository", repository.name)
    penstock(home, *name, value=VALUE, code=4)
    product.webhook_of(repository.name, repository.work.remote)

    assert f"Stored secret TOKEN of {repository.name} " in penstock(home, *name, value=VALUE)

    remove = ("secret", "remove", "TOKEN", "--repository", repository.name)
    assert "Removed secret TOKEN" in penstock(home, *remove)
    assert "there is no secret" in penstock(home, *remove, code=4)
