"""Real git repositories for tests."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

NOBODY = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
    "GIT_AUTHOR_DATE": "2026-01-02T03:04:05Z",
    "GIT_COMMITTER_DATE": "2026-01-02T03:04:05Z",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
}


@dataclass(frozen=True)
class WorkTree:
    """A work tree, and its own bare repository or another remote to push to."""

    folder: Path
    remote: str

    @classmethod
    def create(cls, folder: Path, remote: str | None = None) -> "WorkTree":
        """An empty work tree. Without `remote`, makes a bare repository beside it."""
        tree = cls(folder / "work", remote or f"file://{folder / 'origin.git'}")
        tree.folder.mkdir(parents=True)
        if remote is None:
            tree.git("init", "--quiet", "--bare", str(folder / "origin.git"))
        tree.git("init", "--quiet", "--initial-branch=main")
        tree.git("remote", "add", "origin", tree.remote)
        return tree

    def git(self, *arguments: str) -> str:
        """Run git in the work tree; returns its output. Raises CalledProcessError."""
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env=NOBODY,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def write(self, files: Mapping[str, str]) -> None:
        """Write files, and make their folders."""
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def commit(self, files: Mapping[str, str], message: str = "Change something") -> str:
        """Write and commit files; returns the id of the commit."""
        self.write(files)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", f"--message={message}")
        return self.git("rev-parse", "HEAD")

    def push(self, branch: str = "main") -> str:
        """Push HEAD to a branch; returns the output of git."""
        done = subprocess.run(
            ["git", "push", "--quiet", "origin", f"HEAD:refs/heads/{branch}"],
            cwd=self.folder,
            env=NOBODY,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stderr
