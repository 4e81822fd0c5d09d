"""`penstock verify` of what a whole stack built."""

import subprocess
import sys
from pathlib import Path

from tests.support.product import Product, Repository

CONFIGURATION = """\
version: 1
components:
  site: {path: site, build: {preset: static-site, folder: public}}
"""


def test_an_artifact_is_accepted_and_a_changed_one_refused(
    product: Product, repository: Repository, home: Path, tmp_path: Path
) -> None:
    flow_id = repository.push({"penstock.yml": CONFIGURATION, "site/public/index.html": "hello"})
    product.await_state(flow_id, "succeeded")

    accepted = verify(f"{flow_id}/site", home)
    assert accepted.returncode == 0, accepted.stderr
    assert f"git/{repository.name} built" in accepted.stdout
    assert repository.work.git("rev-parse", "HEAD") in accepted.stdout

    bucket = f"penstock-{product.stack.stage}-artifacts-{product.stack.account_id}"
    s3 = product.stack.client("s3")
    listed = s3.list_objects_v2(Bucket=bucket, Prefix="artifacts/release/site/")["Contents"]
    key = next(one["Key"] for one in listed if one["Key"].endswith(f"{flow_id}.zip"))
    file = tmp_path / "site.zip"
    s3.download_file(bucket, key, str(file))
    assert verify(str(file), home).returncode == 0

    file.write_bytes(file.read_bytes().replace(b"PK", b"KP", 1))
    refused = verify(str(file), home)
    assert refused.returncode == 1
    assert "It was changed, or built elsewhere" in refused.stderr


def verify(artifact: str, home: Path) -> "subprocess.CompletedProcess[str]":
    program = str(Path(sys.executable).with_name("penstock"))
    command = [program, "verify", artifact, "--home", str(home)]
    return subprocess.run(command, capture_output=True, text=True, check=False)
