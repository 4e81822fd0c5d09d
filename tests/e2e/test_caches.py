"""Folders that jobs leave for later ones, on a whole stack: found again, and never poisoned."""

from typing import Any

from tests.support.product import Product, Repository

CONFIGURATION = """\
version: 1
components:
  app: {path: app}
prepare:
  run: |
    cat "$PENSTOCK_SOURCE/code" 2>/dev/null && exit 3 # is no input
    mkdir -p ~/.cache && echo downloaded >> ~/.cache/log
    echo "downloads: $(wc -l < ~/.cache/log)"
    python3 -m venv --without-pip .venv
    printf '#!%s/.venv/bin/python\\nimport sys; print("run by", sys.prefix)\\n' "$PWD" \\
      > .venv/bin/tool
    chmod +x .venv/bin/tool
    date +%s.%N > .venv/made
  keep: [.venv]
  inputs: [lock]
gates:
  first: &gate
    run: |
      tool; echo "made $(cat "$VIRTUAL_ENV/made")"
      test ! -e "$VIRTUAL_ENV/changed"
      touch "$VIRTUAL_ENV/changed"
      cat .memory/lines 2>/dev/null || echo "remembers nothing"
      mkdir -p .memory; echo "was on $PENSTOCK_BRANCH" >> .memory/lines
    cache: [.memory]
  second: *gate
branches: {main: release, "**": check}
environments: {production: {}}
release: {to: production}
"""
FILES = {"penstock.yml": CONFIGURATION, "app/code": "1", "lock": "1"}


def log_of(product: Product, flow: dict[str, Any], name: str) -> str:
    jobs = [job for phase in flow["phases"] for job in phase["jobs"]]
    job = next(job for job in jobs if job["name"] == name)
    url = f"{product.stack.api_url}/flows/{flow['flow_id']}/jobs/{job['job_id']}/log"
    return "\n".join(line["text"] for line in product.http.get(url).json()["lines"])


def logs(
    product: Product, repository: Repository, files: dict[str, str], branch: str = "main"
) -> list[str]:
    """The logs of both gates of a push, which passes."""
    flow = product.await_state(repository.push(files, branch), "succeeded")
    return [log_of(product, flow, name) for name in ("first", "second")]


def made(log: str) -> str:
    return next(line for line in log.splitlines() if line.startswith("made "))


def test_an_environment_is_made_once_for_its_lock_file(
    product: Product, repository: Repository
) -> None:
    first = logs(product, repository, FILES)
    changed = logs(product, repository, {"app/code": "2"})
    locked = logs(product, repository, {"lock": "2"})

    assert all("run by /job/source/.venv" in log for log in first)
    assert len({made(log) for log in (*first, *changed)}) == 1
    assert len({made(log) for log in (*first, *locked)}) == 2
    assert ["".join(each).count("is prepared") for each in (first, changed, locked)] == [1, 0, 1]
    assert "downloads: 2" in "".join(locked)


def test_a_job_finds_what_the_one_before_of_its_kind_has_left(
    product: Product, repository: Repository
) -> None:
    one, two = logs(product, repository, FILES)
    again, _ = logs(product, repository, {"app/code": "2"})

    assert "remembers nothing" in one
    assert "remembers nothing" in two
    assert again.count("was on main") == 1


def test_a_branch_reads_what_main_left_and_leaves_nothing_to_main(
    product: Product, repository: Repository
) -> None:
    """A change request fills every shared folder with what main would run."""
    poison = CONFIGURATION.replace("import sys;", 'import sys; print("poisoned");')
    logs(product, repository, FILES)
    branch, _ = logs(product, repository, {"app/code": "2"}, "pull")
    poisoned, _ = logs(product, repository, {"app/code": "3", "penstock.yml": poison}, "pull")
    kept, _ = logs(product, repository, {"app/code": "4", "penstock.yml": CONFIGURATION}, "pull")

    release, _ = logs(product, repository, {"app/code": "5"})
    locked = "".join(logs(product, repository, {"lock": "2"}))

    assert "was on main" in branch
    assert "poisoned" in poisoned
    assert "was on pull" in kept
    assert "was on main" in release
    for log in (release, locked):
        assert "was on pull" not in log
        assert "poisoned" not in log
    assert "downloads: 2" in locked  # main's own two, and not the branch's
