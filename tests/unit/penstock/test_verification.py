"""`penstock verify`, on moto's S3: what it accepts, and what it refuses."""

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from penstock.errors import NotFoundError
from penstock.verification import UnverifiedError, Verifier
from penstock_shared.contracts.change import Trust
from penstock_shared.contracts.jobs import JobOutput
from penstock_shared.contracts.plan import BuildRecipe, ObjectRef, Plan
from penstock_shared.contracts.provenance import provenance_key, provenance_of
from penstock_shared.jobs import build_job
from penstock_shared.plans import store_plan
from penstock_shared.storage import ObjectStore
from tests.support.builders import FLOW_ID, NOW, a_component, a_plan

BUCKET = "penstock-local-artifacts-000000000000"
CONTENT = b"the zip"
BUILDER = f"urn:penstock:runner:{BUCKET}:release"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield ObjectStore(client, BUCKET)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "orders.zip"
    path.write_bytes(CONTENT)
    return path


def built(store: ObjectStore, trust: Trust = Trust.RELEASE, **plan: Any) -> Plan:
    """What a flow leaves in the bucket: an artifact, its provenance, and its plans."""
    key = f"artifacts/{trust}/orders/k-{FLOW_ID}.zip"
    artifact = ObjectRef(key=key, sha256=sha256(CONTENT).hexdigest(), size=len(CONTENT))
    recipe = BuildRecipe(key="k", run="make", artifact="out.zip")
    component = a_component(build=recipe, artifact=ObjectRef(key=key))
    if trust is not Trust.RELEASE:
        plan |= {"intent": "check", "release": None}
    drafted = a_plan(trust=trust, components=(component,), **plan)
    store_plan(store, drafted)
    component = component.model_copy(update={"artifact": artifact})
    finished = drafted.model_copy(update={"components": (component,)})
    store_plan(store, finished)
    output = JobOutput(name="orders", key=key, sha256=artifact.sha256, size=artifact.size)
    statement = provenance_of(build_job(drafted, 0), output, BUILDER, NOW)
    store.put(key, CONTENT)
    store.put(provenance_key(key), statement.as_json())
    return finished


def key_of(plan: Plan) -> str:
    artifact = plan.components[0].artifact
    assert artifact
    return artifact.key


def verifier(store: ObjectStore, least: Trust = Trust.RELEASE) -> Verifier:
    return Verifier(store.client, BUCKET, least)


def test_a_file_that_a_flow_built_is_accepted(store: ObjectStore, file: Path) -> None:
    plan = built(store)
    store.put("artifacts/release/orders/another.zip", b"THE ZIP")

    found = verifier(store).file(file)

    assert (found.plan, found.key) == (plan, key_of(plan))
    assert found.statement.commit == plan.change.sha
    assert found.statement.predicate.run_details.builder.id == BUILDER


def test_the_statement_has_the_names_of_in_toto_and_slsa(store: ObjectStore) -> None:
    plan = built(store)

    stated = json.loads(store.get(provenance_key(key_of(plan))))

    assert stated["_type"] == "https://in-toto.io/Statement/v1"
    assert stated["predicateType"] == "https://slsa.dev/provenance/v1"
    assert stated["subject"][0]["digest"] == {"sha256": sha256(CONTENT).hexdigest()}
    definition = stated["predicate"]["buildDefinition"]
    assert definition["externalParameters"]["repository"] == "github/acme/shop"
    assert definition["resolvedDependencies"][0]["digest"] == {"gitCommit": plan.change.sha}


def test_a_changed_file_is_refused(store: ObjectStore, file: Path) -> None:
    built(store)
    file.write_bytes(b"THE ZIP")

    with pytest.raises(UnverifiedError, match="It was changed, or built elsewhere"):
        verifier(store).file(file)


def test_a_file_that_is_not_there_is_no_artifact(store: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="cannot be read"):
        verifier(store).file(tmp_path / "gone.zip")


def test_what_a_pull_request_built_is_accepted_only_where_that_is_asked_for(
    store: ObjectStore, file: Path
) -> None:
    built(store, Trust.CHECK)

    with pytest.raises(UnverifiedError, match="no artifact of trust release"):
        verifier(store).file(file)
    assert verifier(store, Trust.CHECK).file(file).plan.trust is Trust.CHECK


def test_an_artifact_of_a_flow_is_accepted(store: ObjectStore) -> None:
    plan = built(store)

    assert verifier(store).component(FLOW_ID, "orders").plan == plan


def test_an_artifact_that_was_changed_in_the_bucket_is_refused(store: ObjectStore) -> None:
    store.put(key_of(built(store)), b"THE ZIP")

    with pytest.raises(UnverifiedError, match="it was changed after it was built"):
        verifier(store).component(FLOW_ID, "orders")


def test_a_statement_that_no_plan_confirms_is_refused(store: ObjectStore, file: Path) -> None:
    """Who may write artifacts can write statements, and no plans."""
    forged = b"forged!"
    key = key_of(built(store)).replace("/k-", "/f-")
    output = JobOutput(name="orders", key=key, sha256=sha256(forged).hexdigest(), size=7)
    statement = provenance_of(build_job(built(store), 0), output, BUILDER, NOW)
    store.put(key, forged)
    store.put(provenance_key(key), statement.as_json())
    file.write_bytes(forged)

    with pytest.raises(UnverifiedError, match="and no plan of that flow does"):
        verifier(store).file(file)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("refs/heads/main", "refs/heads/evil", "says ref refs/heads/evil, and it is"),
        ("github/acme/shop", "github/evil/shop", "says repository github/evil/shop"),
        ("a" * 40, "e" * 40, "says commit e"),
        ("provenance/v1", "provenance/v2", "is no provenance of Penstock"),
    ],
)
def test_a_statement_that_differs_from_the_plan_is_refused(
    old: str, new: str, reason: str, store: ObjectStore
) -> None:
    key = provenance_key(key_of(built(store)))
    stated = store.get(key).decode()
    assert old in stated
    store.put(key, stated.replace(old, new).encode())

    with pytest.raises(UnverifiedError, match=reason):
        verifier(store).component(FLOW_ID, "orders")


def test_an_artifact_without_provenance_is_refused(store: ObjectStore) -> None:
    store.delete(provenance_key(key_of(built(store))))

    with pytest.raises(UnverifiedError, match="has no provenance beside it"):
        verifier(store).component(FLOW_ID, "orders")


def test_a_plan_that_was_changed_under_its_name_counts_as_none(store: ObjectStore) -> None:
    built(store)
    for one in store.client.list_objects_v2(Bucket=BUCKET, Prefix="plans/")["Contents"]:
        store.put(one["Key"], store.get(one["Key"]).replace(b"main", b"evil"))

    with pytest.raises(NotFoundError, match="has no plan of trust release or higher"):
        verifier(store).component(FLOW_ID, "orders")


def test_a_component_that_is_not_there_is_told_with_those_that_are(store: ObjectStore) -> None:
    built(store)

    with pytest.raises(NotFoundError, match="has no component 'order'; it has orders"):
        verifier(store).component(FLOW_ID, "order")
