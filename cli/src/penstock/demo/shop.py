"""The work tree of the demo: a copy of examples/shop in a git repository."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from penstock.demo.errors import DemoError
from penstock.project import PROJECT_ROOT
from penstock_shared.configuration import FILE_NAME

SHOP = PROJECT_ROOT / "examples" / "shop"
CATALOG = Path("services/catalog/handler.py")
_NOT_COPIED = shutil.ignore_patterns(
    "__pycache__", ".*_cache", ".venv", ".coverage", "coverage.xml", "report.xml"
)
_FLOW = re.compile(r"penstock: flow ([0-9a-f]{20})")
_PERSON = {"NAME": "Ada Lovelace", "EMAIL": "ada@example.com"}


@dataclass(frozen=True)
class ShopTree:
    """A work tree of the shop; `remote` is the address to push to."""

    folder: Path
    remote: str

    @classmethod
    def copy_to(cls, folder: Path, remote: str) -> "ShopTree":
        """Copy the shop into a new repository. Raises DemoError."""
        shutil.copytree(SHOP, folder, ignore=_NOT_COPIED)
        tree = cls(folder, remote)
        tree.git("init", "--quiet", "--initial-branch=main")
        tree.git("remote", "add", "origin", remote)
        return tree

    def commit(self, message: str) -> None:
        """Commit everything."""
        self.git("add", "--all")
        self.git("commit", "--quiet", f"--message={message}")

    def push(self) -> str:
        """Push to main; returns the id of the started flow. Raises DemoError."""
        # Force: main holds the history of an earlier demo if the stack has run one.
        said = self.git("push", "--quiet", "--force", "origin", "HEAD:refs/heads/main")
        started = _FLOW.search(said)
        if not started:
            raise DemoError(f"the push started no flow; git said: {said.strip() or 'nothing'}")
        return started[1]

    def change_catalog(self, version: str, price_cents: int) -> None:
        """Change the price of tea and the version of the catalog. Raises DemoError."""
        file = self.folder / CATALOG
        text = file.read_text()
        changed = re.sub(r'^VERSION = ".*"$', f'VERSION = "{version}"', text, flags=re.MULTILINE)
        changed = re.sub(r'("tea":.*"price_cents": )\d+', rf"\g<1>{price_cents}", changed)
        if text == changed:
            raise DemoError(f"{CATALOG} has no version and no tea that the demo knows")
        file.write_text(changed)

    def bake_for(self, length: str) -> None:
        """Set the bake time, in the notation of penstock.yml (`10m`). Raises DemoError."""
        file = self.folder / FILE_NAME
        text = file.read_text()
        changed = re.sub(r"^(  bake: )\S+", rf"\g<1>{length}", text, flags=re.MULTILINE)
        if text == changed:
            raise DemoError(f"{FILE_NAME} has no bake that the demo knows")
        file.write_text(changed)

    def git(self, *arguments: str) -> str:
        """Run git in the work tree; returns its output. Raises DemoError."""
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env=_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            raise DemoError(f"git {arguments[0]} failed: {done.stdout.strip()}")
        return done.stdout


def _environment() -> dict[str, str]:
    """The shell's environment without its git settings: no hooks and no signing in the demo."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    people = {
        f"GIT_{role}_{key}": value
        for role in ("AUTHOR", "COMMITTER")
        for key, value in _PERSON.items()
    }
    return {
        **plain,
        **people,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }
