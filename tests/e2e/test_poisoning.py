"""C3, end to end: what a change request left behind is not what main releases."""

from hashlib import sha256
from pathlib import Path

from penstock.embedded.home import find_home
from tests.support.product import Product, Repository

CONFIGURATION = """\
version: 1
components:
  app:
    path: app
    build:
      run: |
        if test -f ../scripts/prepare.sh; then sh ../scripts/prepare.sh; fi
        touch handler.py # the zip format has no times before 1980
        python3 -m zipfile -c out.zip handler.py
      artifact: out.zip
    deploy: {driver: lambda, function: poisoned}
gates:
  check: {run: "test -s handler.py"}
environments: {production: {}}
release: {to: production}
branches: {main: release, "**": check}
"""
HANDLER = """\
def handler(event, context):
    return {"says": "%s"}
"""
EVIL = "sed -i 's/two/backdoor/' handler.py\n"


def files(version: str, **more: str) -> dict[str, str]:
    return {
        "penstock.yml": CONFIGURATION,
        "app/handler.py": HANDLER % version,
        "scripts/prepare.sh": "true\n",
        **{name.replace("__", "/"): text for name, text in more.items()},
    }


def test_production_serves_what_the_source_of_main_says(
    product: Product, repository: Repository
) -> None:
    """A change request changed a component and a script that is no input of it, had the artifact
    built, took the script back and was merged: one clean line in main, and a backdoor in
    production.
    """
    product.await_state(repository.push(files("one")), "succeeded")
    changed = files("two") | {"scripts/prepare.sh": EVIL}
    product.await_state(repository.push(changed, "feature/poison"), "succeeded")
    product.await_state(repository.push(files("two"), "feature/poison"), "succeeded")

    product.await_state(repository.push({}, "main"), "succeeded")

    assert product.function_says("poisoned-production") == {"says": "two"}


WRITES = """\
for trust in release check fork; do
  mkdir -p {work}/$trust/cache || true
  for file in {work}/$trust/cache/* {work}/$trust/cache/poison; do
    echo poison > "$file" || true
  done
done
"""


def test_no_job_of_a_change_request_reaches_the_downloads_that_main_s_jobs_start_from(
    product: Product, repository: Repository, home: Path
) -> None:
    """A job wrote the runner's download cache under the digest of a future source, and the cache
    did not look into what it held: main was built from the attacker's source.
    """
    work = find_home(home).work.path
    honest = CONFIGURATION.replace("function: poisoned", "function: downloaded")
    script = "".join(f"        {line}\n" for line in WRITES.format(work=work).splitlines())
    evil = honest.replace("run: |\n", f"run: |\n{script}")
    product.await_state(repository.push(files("one") | {"penstock.yml": honest}), "succeeded")

    changed = repository.push(files("two") | {"penstock.yml": evil}, "feature/downloads")

    product.await_state(changed, "succeeded")
    kept = [file for trust in work.iterdir() for file in (trust / "cache").glob("*")]
    assert kept
    assert [file for file in kept if sha256(file.read_bytes()).hexdigest() != file.name] == []
    product.await_state(
        repository.push(files("two") | {"penstock.yml": honest}, "main"), "succeeded"
    )
    assert product.function_says("downloaded-production") == {"says": "two"}


def test_a_job_that_needs_a_file_outside_its_inputs_says_which_it_has(
    product: Product, repository: Repository
) -> None:
    needy = CONFIGURATION.replace("if test -f ../scripts/prepare.sh; then sh", "sh").replace(
        "prepare.sh; fi", "prepare.sh"
    )

    flow_id = repository.push(files("one") | {"penstock.yml": needy}, "feature/needy")

    flow = product.await_state(flow_id, "failed")
    tails = [job["tail"] for phase in flow["phases"] for job in phase["jobs"]]
    assert any("only the inputs of app are here: app" in tail for tail in tails), tails
