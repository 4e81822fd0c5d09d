"""`prepare` and `cache` in `penstock.yml`: folders that later jobs find again."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from penstock_shared.configuration.fields import (
    LONGEST_COMMAND,
    JobTimeout,
    KeptPath,
    RelativePath,
    Section,
    Variables,
)
from penstock_shared.contracts.plan import HOME, Preparation

MOST_FOLDERS = 20
Caches = Annotated[tuple[KeptPath, ...], Field(max_length=MOST_FOLDERS)]


class PrepareSection(Section):
    """A command, the folders that it makes for all jobs, and the files that it makes them from.

    `keep` is relative to the folder that the command runs in, `inputs` to the repository.
    """

    run: str = Field(min_length=1, max_length=LONGEST_COMMAND)
    keep: Annotated[tuple[KeptPath, ...], Field(min_length=1, max_length=MOST_FOLDERS)]
    inputs: Annotated[tuple[RelativePath, ...], Field(min_length=1, max_length=100)]
    env: Variables = {}
    timeout: JobTimeout = 600

    def preparation(self, path: str) -> Preparation:
        """The preparation, for a component in that folder or for the repository."""
        return Preparation(
            run=self.run,
            workdir=path,
            keep=self.keep,
            inputs=self.inputs,
            env=self.env,
            timeout=self.timeout,
        )

    def broken_rules(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """What contradicts itself in the section: where, and why."""
        for place, folder in enumerate(self.keep):
            if folder.startswith(HOME):
                yield ("keep", place), "must be in the source; a home is kept with `cache`"
        for place, nested in nested_in(self.keep):
            yield ("keep", place), f"lies in {nested!r}, which is kept already"
        if "." in self.inputs:
            yield (
                ("inputs",),
                "name the whole repository, so that each change prepares anew: name lock files",
            )


def nested_in(folders: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """The places of folders that lie in another one, or are it, and the other one."""
    for place, folder in enumerate(folders):
        for other in folders[:place] + folders[place + 1 :]:
            if f"{folder}/".startswith(f"{other}/") and (folder != other or place):
                yield place, other
                break
