"""C3 and H5: what is no input of a component cannot be read by its jobs, and its keys hold all
that is.
"""

import io
import subprocess
from pathlib import Path

import pytest

from build_service.adapters.git import GitSourceRepository
from build_service.domain.planning import Planner
from penstock_runner.adapters.archive import Archive
from penstock_runner.adapters.snapshots import Snapshot
from penstock_shared.configuration import read_configuration
from penstock_shared.contracts.change import Trust
from penstock_shared.contracts.jobs import Job
from penstock_shared.contracts.plan import Plan
from penstock_shared.jobs import build_job, gate_job
from tests.support.builders import FLOW_ID, NOW, SNAPSHOT, a_change
from tests.support.git import WorkTree

CONFIGURATION = """\
version: 1
components:
  orders:
    path: orders
    build: {preset: python-lambda, include: [libs/money]}
gates:
  unit: {run: pytest}
"""
MAIN = {
    "penstock.yml": CONFIGURATION,
    "orders/handler.py": "one",
    "libs/money/money.py": "one",
    "scripts/build.sh": "cp -r . dist",
}


@pytest.fixture
def work(tmp_path: Path) -> WorkTree:
    tree = WorkTree.create(tmp_path)
    tree.commit(MAIN)
    return tree


def planned(work: WorkTree) -> tuple[Plan, bytes]:
    """The plan of the work tree's commit, and its snapshot."""
    work.push()
    change = a_change(clone_url=work.remote, sha=work.git("rev-parse", "HEAD"))
    tree = GitSourceRepository(("file",)).fetch(change)
    configuration = read_configuration(tree.read("penstock.yml"))
    archive = tree.archive(configuration.history)
    planner = Planner(change, Trust.CHECK, configuration, tree, SNAPSHOT)
    return planner.plan(FLOW_ID, NOW), archive


def seen_by(job: Job, archive: bytes, folder: Path) -> set[str]:
    """The files that a job of this snapshot finds, without git's own."""
    folder.mkdir()
    Snapshot(Archive(io.BytesIO(archive))).unpack(folder, job.source.inputs)
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in paths if path.parts[0] != ".git"}


def test_a_build_script_that_is_no_input_of_a_component_cannot_poison_what_main_reuses(
    work: WorkTree, tmp_path: Path
) -> None:
    """A pull request changed a component and a script outside it, had the artifact built, took the
    script back and was merged: main reused the artifact that the script had made.
    """
    work.commit({"orders/handler.py": "two", "scripts/build.sh": "cp backdoor.py dist"})
    poisoned, archive = planned(work)
    work.commit({"scripts/build.sh": MAIN["scripts/build.sh"]})
    merged, _ = planned(work)

    assert [one.build for one in poisoned.components] == [one.build for one in merged.components]
    for number, job in enumerate((build_job(poisoned, 0), gate_job(poisoned, 0))):
        seen = seen_by(job, archive, tmp_path / f"job-{number}")
        assert seen == {"orders/handler.py", "libs/money/money.py"}


@pytest.mark.parametrize(
    "command",
    [
        ("show", "HEAD:scripts/build.sh"),
        ("sparse-checkout", "disable"),
        ("archive", "HEAD"),
    ],
    ids=lambda command: command[0],
)
def test_git_fetches_no_file_that_is_no_input_of_a_job(
    work: WorkTree, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """A job of a component ran `git archive HEAD`, or `git sparse-checkout disable`. Git fetched
    the left out files from `origin` without being asked, which needs no token where the repository
    is public: the job saw the whole tree, and its key did not hold it.
    """
    plan, archive = planned(work)
    job = tmp_path / "job"
    assert "scripts/build.sh" not in seen_by(build_job(plan, 0), archive, job)

    ran = subprocess.run(["git", "-C", str(job), *command], capture_output=True, check=False)

    assert ran.returncode != 0
    assert b"penstock-inputs-only" in ran.stderr
    assert not (job / "scripts").exists()
    assert work.git("-C", str(job), "status", "--porcelain") == ""
    assert work.git("-C", str(job), "remote", "get-url", "origin") == work.remote


def test_a_conftest_at_the_root_is_an_input_of_every_verdict(work: WorkTree) -> None:
    """A pull request added a root conftest.py that made every test pass, had the verdict
    remembered, and took the file back: main reused the pass.
    """
    work.commit({"orders/handler.py": "two"})
    honest, _ = planned(work)
    work.commit({"conftest.py": "collect_ignore_glob = ['*']"})
    cheating, _ = planned(work)

    assert honest.gates[0].key != cheating.gates[0].key
    assert "conftest.py" in gate_job(cheating, 0).source.inputs


def test_a_changed_library_that_is_only_included_is_built_again(work: WorkTree) -> None:
    """H5. Only a library in `build.include` changed: the flow said "unchanged", and released stale
    code.
    """
    before, _ = planned(work)
    work.commit({"libs/money/money.py": "two"})
    after, _ = planned(work)

    assert before.components[0].key != after.components[0].key
    assert before.gates[0].key != after.gates[0].key


def test_two_trees_that_git_s_names_make_look_alike_have_two_keys(work: WorkTree) -> None:
    """A name with a separator in it must not stand for two files: names are hashed with a sign
    between them that git allows in none.
    """
    path = "    path: orders\n"
    watching = CONFIGURATION.replace(path, f"{path}    watch: ['*.txt']\n")
    work.commit({"penstock.yml": watching, "a.txt": "", "b.txt": ""})
    entry = f"100644 {work.git('rev-parse', 'HEAD:a.txt')}"
    two, _ = planned(work)
    (work.folder / "a.txt").unlink()
    (work.folder / "b.txt").unlink()
    work.commit({f"a.txt {entry}\x1fb.txt": ""})
    one, _ = planned(work)

    assert one.components[0].key != two.components[0].key
