"""A job's surroundings on a whole stack: its repository and the machine, nothing of Penstock."""

import subprocess
import sys

from penstock.project import PROJECT_ROOT
from tests.support.product import Product, Repository

CONFIGURATION = """\
version: 1
history: tags
components:
  app: {path: app}
gates:
  world: {run: ./world.sh, scope: repository}
"""
# Each line fails the gate unless it holds: the shell runs with -e.
WORLD = """\
#!/bin/sh -ex
test "$PWD" = "$PENSTOCK_SOURCE"
test "$(git rev-parse --show-toplevel)" = "$PENSTOCK_SOURCE"
test "$(git rev-parse HEAD)" = "$PENSTOCK_SHA"
test "$(git branch --show-current)" = "$PENSTOCK_BRANCH"
test "$(git describe --tags)" = v1.0.0-1-g"$(git rev-parse --short HEAD)"
test -z "$(git status --porcelain --ignored)"
test "$(stat -c %Y world.sh)" = "$SOURCE_DATE_EPOCH"
test "$FORCE_COLOR" = 1

# What a tool would read from above ends at this folder.
folder=$PENSTOCK_SOURCE
while test "$folder" != /; do
    folder=$(dirname "$folder")
    for name in .git pyproject.toml ruff.toml setup.cfg node_modules package.json; do
        test ! -e "$folder/$name"
    done
done

# Whatever it does to its checkout, it does to its own.
echo changed > app/code
git reset --hard
git clean -fdx
test "$(cat app/code)" = 1

# What it installs, even under the name of what Penstock needs, is its own too.
python -c 'import sys; assert sys.prefix.startswith(sys.argv[1])' "$HOME"
site=$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
echo 'OLD = True' > "$site/typer.py"
python -c 'import typer; assert typer.OLD'
"""


def test_a_job_lives_in_a_world_of_its_own(product: Product, repository: Repository) -> None:
    repository.work.commit({"app/code": "0"})
    repository.work.git("tag", "--annotate", "--message=The first", "v1.0.0")
    repository.work.git("push", "--quiet", "origin", "v1.0.0")
    repository.work.write({"world.sh": WORLD})
    (repository.work.folder / "world.sh").chmod(0o755)
    before = checkout()

    flow_id = repository.push({"penstock.yml": CONFIGURATION, "app/code": "1"})

    product.await_state(flow_id, "succeeded")
    assert checkout() == before
    subprocess.run([sys.executable, "-c", "import typer; typer.Typer"], check=True)


def checkout() -> tuple[str, str]:
    """The commit and the uncommitted changes of Penstock's checkout."""
    commit, edits = (
        subprocess.run(
            ["git", "-C", str(PROJECT_ROOT), *command], capture_output=True, text=True, check=False
        ).stdout
        for command in (("rev-parse", "HEAD"), ("status", "--porcelain"))
    )
    return commit, edits
