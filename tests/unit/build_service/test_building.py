"""A change becomes `build-completed`, or fails with a reason."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from hashlib import sha256
from typing import Any

import pytest

from build_service.adapters.forges import FORGES
from build_service.domain import build
from build_service.domain.build import Build, BuildState, overdue
from build_service.domain.errors import SourceError, SourceUnavailableError
from build_service.domain.repository import Repository
from build_service.domain.source import MergeRef
from build_service.use_cases.keep_order import KeepOrder
from build_service.use_cases.record_job import RecordBuildJob
from build_service.use_cases.registered_planner import RegisteredPlanner
from build_service.use_cases.registry import Registry
from build_service.use_cases.start_build import StartBuild
from build_service.use_cases.stop_build import StopBuild
from penstock_shared.contracts.change import Base, Intent
from penstock_shared.contracts.events import (
    BuildCompleted,
    BuildRequested,
    FlowAborted,
    FlowFailed,
    FlowSuperseded,
    JobRequested,
    Phase,
)
from penstock_shared.contracts.jobs import Job, JobResult, JobState
from penstock_shared.contracts.plan import Plan
from penstock_shared.contracts.registration import Allowance
from penstock_shared.contracts.registry import ReadCredential, RemoveRepository, SetRepository
from penstock_shared.decisions import Outcome, Result, Write
from penstock_shared.jobs import checkout_of
from penstock_shared.persistence.outbox import Records
from penstock_shared.plans import Plans, load_plan
from penstock_shared.storage import ObjectStore
from penstock_shared.testing.fakes import FakeClock, InMemoryMemo, RecordingPublisher, fake_records
from tests.support.builders import (
    BEFORE,
    BELIEVED,
    FLOW_ID,
    NOW,
    OTHER_FLOW_ID,
    PROOFS,
    SHA,
    a_cause,
    a_change,
    a_plan,
    a_result,
    an_event,
    an_output,
    finished,
)
from tests.support.objects import InMemoryBucket, a_bucket
from tests.unit.build_service.registered import FakeRegistry, a_registry
from tests.unit.build_service.sources import FakeSourceRepository, a_planner, a_tree

CONFIGURATION = """\
version: 1
components:
  app: {path: app, build: {run: make, artifact: app.zip}}
  docs: {path: docs}
  site: {path: site, build: {run: make site}}
"""
FILES = {"penstock.yml": CONFIGURATION, "app/a": "a", "docs/d": "d", "site/s": "s"}


@dataclass
class FakeBuild:
    """The build service with everything outside of it in memory."""

    files: dict[str, str] = field(default_factory=lambda: dict(FILES))
    clock: FakeClock = field(default_factory=FakeClock)
    objects: ObjectStore = field(default_factory=a_bucket)
    artifacts: InMemoryMemo = field(default_factory=InMemoryMemo)
    raises: Exception | None = None
    head: str = ""
    held: bool = True
    broken: dict[str, Any] = field(default_factory=dict)
    registry: FakeRegistry = field(default_factory=a_registry)

    def __post_init__(self) -> None:
        self.records: Records[Build] = fake_records(clock=self.clock)
        self.plans = Plans(self.objects)
        self.repositories: Records[Repository] = fake_records(clock=self.clock)

    @cached_property
    def lookup(self) -> Registry:
        """The registry as one container remembers it."""
        return self.registry.lookup()

    def start(self, flow_id: str = FLOW_ID, **change: Any) -> Outcome[Build]:
        past: dict[str, Any] = {"head": self.head, "held": lambda _since: self.held}
        tree = replace(a_tree(self.files), **past, **self.broken)
        self.sources = FakeSourceRepository(tree, self.raises)
        start = StartBuild(
            self.records,
            RegisteredPlanner(self.lookup, a_planner(self.sources, self.objects), FORGES),
            self.plans,
            self.artifacts,
            KeepOrder(self.repositories),
            PROOFS,
            self.clock,
        )
        request = an_event(BuildRequested(change=a_change(**change)), flow_id)
        return start(request, a_cause(flow_id))

    def finish(self, *jobs: Job, **given: Any) -> Outcome[Build]:
        return self.take_in(*(result_of(job, **given) for job in jobs))

    def take_in(self, *results: JobResult) -> Outcome[Build]:
        record = RecordBuildJob(self.records, self.plans, self.artifacts, BELIEVED, self.clock)
        events = [an_event(finished(result, result.record), result.record) for result in results]
        return record(events, a_cause(results[0].record))

    @property
    def said(self) -> RecordingPublisher:
        assert isinstance(self.records.publisher, RecordingPublisher)
        return self.records.publisher

    def jobs(self) -> dict[str | None, Job]:
        return {request.job.component: request.job for request in self.said.only(JobRequested)}


def result_of(job: Job, **given: Any) -> JobResult:
    outputs = tuple(an_output(upload.name, upload.key) for upload in job.outputs)
    about: dict[str, Any] = {"record": job.record, "position": job.position, "trust": job.trust}
    return a_result(job.job_id, component=job.component, **about, **{"outputs": outputs, **given})


@pytest.fixture
def fake() -> FakeBuild:
    return FakeBuild()


def test_every_component_with_a_recipe_is_built_in_its_folder(fake: FakeBuild) -> None:
    fake.start()

    jobs = fake.jobs()
    assert jobs.keys() == {"app", "site"}
    assert jobs["app"].workdir == "app"
    assert jobs["app"].outputs[0].path == "app.zip"
    assert jobs["app"].outputs[0].key.startswith("artifacts/release/app/")


def test_the_source_of_a_job_is_named_by_the_digest_of_its_content(fake: FakeBuild) -> None:
    fake.start()

    source = fake.jobs()["app"].source
    snapshot = fake.objects.get(source.snapshot.key)
    assert source.snapshot.sha256 == sha256(snapshot).hexdigest()
    assert (source.sha, source.before, source.committed_at) == (SHA, BEFORE, NOW)


def test_the_build_completes_with_the_last_of_its_jobs(fake: FakeBuild) -> None:
    fake.start()
    jobs = fake.jobs()

    fake.finish(jobs["app"])
    assert fake.said.only(BuildCompleted) == []
    fake.finish(jobs["site"])

    completed = fake.said.only(BuildCompleted)
    assert len(completed) == 1
    plan = load_plan(fake.objects, completed[0].flow.plan)
    artifact = plan.component("app").artifact
    assert artifact
    assert (artifact.key, artifact.size) == (jobs["app"].outputs[0].key, 123)


def test_jobs_may_finish_in_any_order_and_say_so_twice(fake: FakeBuild) -> None:
    fake.start()
    jobs = fake.jobs()

    for name in ("site", "app", "site", "app"):
        fake.finish(jobs[name])

    assert len(fake.said.only(BuildCompleted)) == 1


def test_an_unchanged_component_is_not_built_again(fake: FakeBuild) -> None:
    fake.start()
    for job in fake.jobs().values():
        fake.finish(job)
    before = len(fake.said.only(JobRequested))

    fake.files["app/a"] = "changed"
    fake.start("e" * 20, sha="e" * 40)

    again = fake.said.only(JobRequested)[before:]
    assert [request.job.component for request in again] == ["app"]


def test_what_was_built_with_other_tools_is_built_again_and_deployed_as_another(
    fake: FakeBuild,
) -> None:
    fake.start()
    jobs = fake.jobs()
    fake.finish(jobs["app"], toolchain="Python 3.11")
    fake.finish(jobs["site"], toolchain="Python 3.12")

    fake.start(OTHER_FLOW_ID, sha="e" * 40)

    again = [request.job for request in fake.said.only(JobRequested)[2:]]
    assert [job.component for job in again] == ["app"]
    upload = again[0].outputs[0]
    rebuilt = an_output(upload.name, upload.key).model_copy(update={"sha256": "b" * 64})
    fake.finish(again[0], toolchain="Python 3.12", outputs=(rebuilt,))
    before, after = (
        load_plan(fake.objects, completed.flow.plan).component("app")
        for completed in fake.said.only(BuildCompleted)
    )
    assert before.build
    assert after.build
    assert before.build.key == after.build.key
    assert before.key != after.key


def test_what_is_built_again_to_the_same_bytes_is_the_same_to_environments(
    fake: FakeBuild,
) -> None:
    fake.start()
    for job in fake.jobs().values():
        fake.finish(job)
    fake.start(OTHER_FLOW_ID, sha="e" * 40)

    before, after = (
        load_plan(fake.objects, completed.flow.plan).component("app").key
        for completed in fake.said.only(BuildCompleted)
    )

    assert before == after


def test_a_change_of_documents_alone_completes_at_once(fake: FakeBuild) -> None:
    fake.start()
    for job in fake.jobs().values():
        fake.finish(job)

    fake.files["docs/d"] = "new words"
    outcome = fake.start("e" * 20, sha="e" * 40)

    assert outcome.record
    assert outcome.record.state is BuildState.COMPLETED
    plan = load_plan(fake.objects, fake.said.only(BuildCompleted)[1].flow.plan)
    assert plan.component("app").reason == f"unchanged since flow {FLOW_ID}"
    assert plan.component("docs").reason == "has nothing to build"


def test_a_second_delivery_of_the_request_fetches_and_asks_nothing(fake: FakeBuild) -> None:
    fake.start()
    fake.raises = AssertionError("fetched again")

    assert fake.start().result is Result.ALREADY_DONE
    assert len(fake.said.only(JobRequested)) == 2


def test_a_broken_file_fails_the_flow_with_line_and_field(fake: FakeBuild) -> None:
    fake.files["penstock.yml"] = "version: 1\ncomponents:\n  app: {pth: app}\n"

    fake.start()

    failed = fake.said.only(FlowFailed)[0]
    assert failed.phase is Phase.BUILD
    assert failed.reason.startswith("penstock.yml:3: components.app.pth: is not a known key")


def test_a_repository_without_the_file_fails_with_a_reason(fake: FakeBuild) -> None:
    del fake.files["penstock.yml"]

    fake.start()

    assert "there is no penstock.yml at the root" in fake.said.only(FlowFailed)[0].reason


def test_a_commit_that_is_gone_fails_the_flow(fake: FakeBuild) -> None:
    fake.raises = SourceError("acme/shop has no commit")

    fake.start()

    assert fake.said.only(FlowFailed)[0].reason == "acme/shop has no commit"


def test_a_server_that_does_not_answer_is_asked_again(fake: FakeBuild) -> None:
    fake.raises = SourceUnavailableError("no answer")
    with pytest.raises(SourceUnavailableError):
        fake.start()
    fake.raises = None

    assert fake.start().applied


def test_a_job_that_fails_fails_the_flow_with_its_result(fake: FakeBuild) -> None:
    fake.start()
    job = fake.jobs()["app"]

    fake.finish(job, state=JobState.FAILED, exit_code=2, tail="no rule to make target")

    failed = fake.said.only(FlowFailed)[0]
    assert failed.reason == "building app failed with exit code 2"
    assert failed.job
    assert failed.job.tail == "no rule to make target"


def test_a_failed_build_remembers_no_artifact_of_the_failed_job(fake: FakeBuild) -> None:
    fake.start()
    fake.finish(fake.jobs()["app"], state=JobState.FAILED, exit_code=2)

    assert not any(key.startswith("artifact:") for _, key in fake.artifacts.answers)


def test_a_result_after_the_stop_changes_nothing(fake: FakeBuild) -> None:
    fake.start()
    stop = StopBuild(fake.records)
    stop(an_event(FlowAborted(reason="not today")), a_cause())

    outcome = fake.finish(fake.jobs()["app"])

    assert outcome.result is Result.ALREADY_DONE
    assert fake.said.only(BuildCompleted) == []


def test_a_stop_that_comes_first_keeps_the_build_from_starting(fake: FakeBuild) -> None:
    StopBuild(fake.records)(an_event(FlowAborted(reason="not today")), a_cause())

    assert fake.start().result is Result.ALREADY_DONE
    assert fake.said.said == []


def test_messages_in_reverse_order_end_as_in_order(fake: FakeBuild) -> None:
    stranger = a_result("9" * 20)
    assert fake.take_in(stranger).result is Result.STALE

    fake.start()
    jobs = list(fake.jobs().values())
    for job in reversed(jobs):
        fake.finish(job)

    assert len(fake.said.only(BuildCompleted)) == 1


def test_a_build_that_nobody_answers_fails_with_what_it_waited_for(fake: FakeBuild) -> None:
    fake.start()
    waiting = fake.records.get(FLOW_ID)
    assert waiting
    fake.clock.advance(hours=2)

    decision = overdue(waiting, fake.clock())

    assert isinstance(decision, Write)
    assert decision.record.state is BuildState.FAILED
    assert "its build jobs" in decision.record.reason


def test_a_build_in_time_is_left_alone(fake: FakeBuild) -> None:
    fake.start()

    assert not isinstance(overdue(fake.records.get(FLOW_ID), fake.clock()), Write)


def test_a_small_snapshot_costs_one_call(fake: FakeBuild) -> None:
    fake.start()

    assert isinstance(fake.objects.client, InMemoryBucket)
    assert fake.objects.client.calls == ["put", "put"], "the snapshot and the draft of the plan"


def test_the_states_of_a_build_lead_to_an_end() -> None:
    finals = {state for state in BuildState if state not in Build.transitions}

    assert finals == {BuildState.FAILED, BuildState.STOPPED}
    assert build.QUEUE_PATIENCE > build.PLANNING_PATIENCE


def test_results_of_one_batch_are_one_write(fake: FakeBuild) -> None:
    fake.start()

    fake.finish(*fake.jobs().values())

    stored = fake.records.store.get(FLOW_ID)
    assert stored
    assert (stored.version, stored.record.state) == (2, BuildState.COMPLETED)
    assert sum(key.startswith("artifact:") for _, key in fake.artifacts.answers) == 2


def test_who_completes_a_build_knows_what_others_have_built(fake: FakeBuild) -> None:
    fake.start()
    jobs = fake.jobs()
    fake.finish(jobs["app"])
    fake.plans = Plans(fake.objects)  # another container

    fake.finish(jobs["site"])

    plan = load_plan(fake.objects, fake.said.only(BuildCompleted)[0].flow.plan)
    artifact = plan.component("app").artifact
    assert artifact
    assert artifact.sha256 == "d" * 64


def test_flows_that_build_one_component_at_once_do_not_write_over_each_other(
    fake: FakeBuild,
) -> None:
    other = "e" * 20
    fake.start()
    fake.start(other, sha="e" * 40)

    keys = {
        upload.key
        for request in fake.said.only(JobRequested)
        if request.job.component == "app"
        for upload in request.job.outputs
    }
    assert len(keys) == 2


def test_a_later_flow_uses_the_bytes_of_the_flow_that_built_them(fake: FakeBuild) -> None:
    fake.start()
    fake.finish(*fake.jobs().values())
    key = fake.jobs()["app"].outputs[0].key

    fake.start("e" * 20, sha="e" * 40)

    plan = load_plan(fake.objects, fake.said.only(BuildCompleted)[1].flow.plan)
    artifact = plan.component("app").artifact
    assert artifact
    assert artifact.key == key


def test_a_build_of_many_components_stays_small(fake: FakeBuild) -> None:
    names = [f"part-{number}" for number in range(500)]
    lines = "".join(f"  {name}: {{path: app, build: {{run: make}}}}\n" for name in names)
    fake.files["penstock.yml"] = f"version: 1\ncomponents:\n{lines}"
    fake.start()
    fake.finish(*list(fake.jobs().values())[1:])

    known = fake.records.get(FLOW_ID)
    assert known
    assert known.state is BuildState.BUILDING
    assert len(known.model_dump_json()) < 2_000


RELEASE = """\
version: 1
components: {app: {path: app}}
environments: {staging: {mode: %s}, production: {mode: %s}}
release: {from: staging, to: production, bake: 0s}
"""
OLDER, NEWER = "1" * 40, "2" * 40


@pytest.fixture
def releasing(fake: FakeBuild) -> FakeBuild:
    fake.files["penstock.yml"] = RELEASE % ("supersede", "queue")
    return fake


def plan_of(fake: FakeBuild, flow_id: str) -> Plan:
    completed = [event for event in fake.said.said if event.subject == flow_id]
    data = completed[-1].data
    assert isinstance(data, BuildCompleted)
    return load_plan(fake.objects, data.flow.plan)


def test_the_older_commit_that_arrives_after_the_head_s_flow_is_superseded(
    releasing: FakeBuild,
) -> None:
    releasing.head = NEWER
    releasing.start("b" * 20, sha=NEWER, before=OLDER)

    outcome = releasing.start("a" * 20, sha=OLDER)

    assert outcome.record
    assert outcome.record.state is BuildState.STOPPED
    (superseded,) = releasing.said.only(FlowSuperseded)
    assert superseded.reason == (
        f"main is at {NEWER[:12]} and no longer at {OLDER[:12]}: flow {'b' * 20} is ahead"
    )


def test_the_head_comes_after_an_older_commit_whose_push_arrived_later(
    releasing: FakeBuild,
) -> None:
    releasing.head = NEWER
    releasing.start("a" * 20, sha=OLDER, pushed_at=NOW + timedelta(seconds=9))
    releasing.start("b" * 20, sha=NEWER, before=OLDER, pushed_at=NOW)

    older, newer = plan_of(releasing, "a" * 20), plan_of(releasing, "b" * 20)
    assert older.started_at < newer.started_at


def test_a_branch_that_was_put_back_flows(releasing: FakeBuild) -> None:
    for flow_id, sha in (("a" * 20, OLDER), ("b" * 20, NEWER), ("c" * 20, OLDER)):
        releasing.head = sha
        releasing.start(flow_id, sha=sha)

    begun = [plan_of(releasing, letter * 20).started_at for letter in "abc"]
    assert begun == sorted(set(begun))


def test_a_request_that_is_delivered_again_keeps_its_place(releasing: FakeBuild) -> None:
    releasing.head = NEWER
    plan = a_plan(change=a_change(sha=NEWER))
    keep = KeepOrder(releasing.repositories)

    first = keep(plan, NEWER, a_cause())

    assert keep(plan, NEWER, a_cause()).started_at == first.started_at


def test_environments_that_nobody_shares_need_no_order(fake: FakeBuild) -> None:
    fake.files["penstock.yml"] = RELEASE % ("parallel", "parallel")
    fake.head = NEWER
    fake.start("b" * 20, sha=NEWER)

    assert fake.start("a" * 20, sha=OLDER).record
    assert fake.repositories.get("repository#github/acme/shop") is None
    assert len(fake.said.only(BuildCompleted)) == 2


def test_only_so_many_branches_are_remembered(releasing: FakeBuild) -> None:
    for number in range(105):
        change = a_change(ref=f"refs/heads/r{number}", pushed_at=NOW + timedelta(seconds=number))
        keep = KeepOrder(releasing.repositories)
        keep(a_plan(change=change), change.sha, a_cause())

    known = releasing.repositories.get("repository#github/acme/shop")
    assert known
    assert len(known.heads) == 100
    assert "refs/heads/r0" not in known.heads


def test_source_is_fetched_from_the_registered_address_with_the_registered_token(
    fake: FakeBuild,
) -> None:
    token = ReadCredential(user="reader", token="t0ken")  # of this test
    fake.registry.ask(SetRepository(full_name="acme/shop", credential=token))

    fake.start(clone_url="https://elsewhere.invalid/shop.git")

    (fetched,) = fake.sources.fetched
    assert (fetched.clone_url, fake.sources.credentials) == (
        "https://host.invalid/shop.git",
        [token],
    )


def test_a_refusal_is_not_made_by_a_registration_that_has_changed_meanwhile(
    fake: FakeBuild,
) -> None:
    fake.files["penstock.yml"] += "environments: {live: {}}\n"
    fake.registry = a_registry(allowance=Allowance(environments=("staging",)))
    fake.start()
    (failed,) = fake.said.only(FlowFailed)
    assert "penstock.yml:6: environments.live: is not for this repository" in failed.reason

    fake.registry.ask(SetRepository(full_name="acme/shop", environments=("live",)))
    fake.registry.clock.advance(milliseconds=1)
    fake.start(OTHER_FLOW_ID)

    assert len(fake.said.only(FlowFailed)) == 1


def test_a_repository_that_was_removed_before_it_was_planned_is_told(fake: FakeBuild) -> None:
    fake.registry.ask(RemoveRepository(full_name="acme/shop"))

    fake.start()

    (failed,) = fake.said.only(FlowFailed)
    assert "acme/shop of github is not registered" in failed.reason


def test_what_nobody_had_thought_of_ends_the_flow_at_once_and_is_named(fake: FakeBuild) -> None:
    def explode(_history: object, **_: object) -> bytes:
        raise RuntimeError("out of ideas")

    fake.broken = {"archive": explode}
    outcome = fake.start()

    assert outcome.record
    assert outcome.record.state is BuildState.FAILED
    assert fake.said.only(FlowFailed)[0].reason == (
        "could not plan: RuntimeError: out of ideas (commit aaaaaaaaaaaa of acme/shop)"
    )


@pytest.mark.parametrize(
    ("entry", "expected"), [("120000", "is a link"), ("160000", "is a submodule")]
)
def test_a_configuration_that_is_no_file_is_told(
    fake: FakeBuild, entry: str, expected: str
) -> None:
    fake.broken = {"files": {"penstock.yml": f"{entry} {'0' * 40}"}}
    fake.start()

    assert expected in fake.said.only(FlowFailed)[0].reason


def test_a_configuration_that_is_a_folder_is_told(fake: FakeBuild) -> None:
    del fake.files["penstock.yml"]
    fake.files["penstock.yml/readme"] = "not what you think"
    fake.start()

    assert "is a folder; it must be a file" in fake.said.only(FlowFailed)[0].reason


OF_A_PULL_REQUEST: dict[str, Any] = {
    "pull_request": 7,
    "base": Base(ref="refs/heads/main"),
    "delivery_id": "d-1",
}


def test_a_pull_request_is_planned_from_the_merge_that_its_forge_keeps(fake: FakeBuild) -> None:
    fake.broken = {"merge": "d" * 40}
    fake.start(**OF_A_PULL_REQUEST)

    known = fake.records.get(FLOW_ID)
    assert known
    assert known.plan
    plan = fake.plans.load(known.plan)
    assert plan.merge == "d" * 40
    assert checkout_of(plan).sha == "d" * 40
    assert plan.intent is Intent.CHECK
    assert fake.sources.merges == [MergeRef(ref="refs/pull/7/merge", awaited=True)]


def test_a_merge_commit_of_what_is_no_pull_request_is_refused(fake: FakeBuild) -> None:
    fake.broken = {"merge": "d" * 40}
    fake.start()

    known = fake.records.get(FLOW_ID)
    assert known
    assert "it has a merge commit of no pull request" in known.reason


def test_a_pull_request_s_commit_may_ask_for_no_flow(fake: FakeBuild) -> None:
    """GitHub does not send the message, so it is read where the commit is."""
    fake.broken = {"message": "Typo [skip ci]"}
    fake.start(**OF_A_PULL_REQUEST)

    known = fake.records.get(FLOW_ID)
    assert known
    assert known.state is BuildState.STOPPED
    assert known.reason == f"the message of commit {SHA[:12]} says [skip ci]"


def test_what_a_person_asks_for_is_not_skipped(fake: FakeBuild) -> None:
    fake.broken = {"message": "Typo [skip ci]"}
    fake.start(**OF_A_PULL_REQUEST | {"delivery_id": ""})

    known = fake.records.get(FLOW_ID)
    assert known
    assert known.state is BuildState.BUILDING
