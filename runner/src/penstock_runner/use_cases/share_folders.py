"""Brings jobs the folders that earlier jobs left, and keeps what they leave for later ones.

Only speed may depend on what was left: an environment is prepared again wherever it is missing, and
a cache may always be empty.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from posixpath import join, relpath

from penstock_runner.domain.environment import Host, environment_of
from penstock_runner.domain.ports import Command, FolderStore, Shared, Shell, Site, Workshop
from penstock_runner.domain.results import Ending
from penstock_runner.errors import JobError
from penstock_runner.use_cases.lease import Lease
from penstock_shared.contracts.jobs import Job, JobState
from penstock_shared.contracts.plan import History, Preparation
from penstock_shared.identifiers import digest_of

PACKAGE_CACHES = ("~/.cache", "~/.npm")
"""Where pip, uv, poetry, yarn and npm keep what they have downloaded and built."""
_VARIABLES = {
    "UV_LINK_MODE": "copy",  # its cache is on another mount
    "UV_COMPILE_BYTECODE": "1",  # once here, and not in each job
}
Write = Callable[[bytes], None]


@dataclass(frozen=True)
class ShareFolders:
    """Makes the sites of jobs that share folders.

    `can_layer` says whether this machine's sandbox can share them. Without that, each job prepares
    its own, and finds no caches. `machine` is part of what makes an environment.
    """

    store: FolderStore
    workshop: Workshop
    shell: Shell
    host: Host
    can_layer: Callable[[], bool]
    machine: str = ""

    @contextmanager
    def site(self, lease: Lease, write: Write) -> Iterator[Site]:
        """The job's folders, with what it shares in place. Raises JobError, JobInterruptedError."""
        job = lease.job
        with ExitStack() as held:
            if not self.can_layer():
                site = held.enter_context(self.workshop.site(job, lease.stop))
                yield self._prepared_in_place(lease, site, write)
                return
            found = self._environment(lease, write, held) | self._caches(job, held)
            yield held.enter_context(self.workshop.site(job, lease.stop, found))

    def keep(self, site: Site) -> None:
        """Keep what a job that has succeeded made of its caches. A full disk only costs speed."""
        for layer in site.layers:
            if layer.key:
                self.store.keep_layer(layer.key, layer)

    def _caches(self, job: Job, held: ExitStack) -> dict[str, Shared]:
        """The caches of the job's kind. What a job with secrets leaves might contain them."""
        kind = (job.owner, job.name, job.component or "")
        return {
            name: self._cache(_key(job, "cache", *kind, name), held, kept=not job.secrets)
            for name in job.cache
        }

    def _cache(self, key: str, held: ExitStack, *, kept: bool = True) -> Shared:
        tree = held.enter_context(self.store.newest(key))
        return Shared(tree / "0" if tree else None, key if kept else "")

    def _environment(self, lease: Lease, write: Write, held: ExitStack) -> dict[str, Shared]:
        job, prepare = lease.job, lease.job.prepare
        if prepare is None:
            return {}
        inputs = self.workshop.digest(job, prepare.inputs, lease.stop)
        made_of = prepare.model_dump_json(exclude={"timeout"})
        key = _key(job, "environment", made_of, inputs, self.machine)
        tree = held.enter_context(self.store.newest(key))
        if tree is None:
            with self.store.making(key, prepare.timeout, lease.stop):
                tree = held.enter_context(self.store.newest(key))
                if tree is None:
                    self._make(lease, prepare, key, write)
                    tree = held.enter_context(self.store.newest(key))
        if tree is None:
            raise JobError("what was prepared is larger than PENSTOCK_RUNNER_KEPT_BYTES allows")
        names = _relative_to(job.workdir, prepare)
        return {name: Shared(tree / str(number)) for number, name in enumerate(names)}

    def _make(self, lease: Lease, prepare: Preparation, key: str, write: Write) -> None:
        job = _preparing(lease.job, prepare)
        with ExitStack() as held:
            caches = {
                name: self._cache(_key(job, "packages", name), held) for name in PACKAGE_CACHES
            }
            site = held.enter_context(self.workshop.site(job, lease.stop, caches))
            self._run(job, lease, site, write)
            self.store.keep(key, self.workshop.folders(site, prepare.keep))
            self.keep(site)

    def _prepared_in_place(self, lease: Lease, site: Site, write: Write) -> Site:
        prepare = lease.job.prepare
        if prepare is None:
            return site
        job = _preparing(lease.job, prepare)
        self._run(job, lease, self.workshop.moved(site, prepare.workdir), write)
        return self.workshop.with_programs(site, _relative_to(lease.job.workdir, prepare))

    def _run(self, job: Job, lease: Lease, site: Site, write: Write) -> None:
        folders = ", ".join(job.prepare.keep) if job.prepare else ""
        write(f"penstock: preparing {folders}: {job.run}\n".encode(errors="replace"))
        environment = environment_of(job, lease.cause.flow_id, lease.attempt, site, self.host)
        command = Command(job.run, site.workdir, environment, job.timeout, site)
        ending = self.shell.run(command, write, lease.stop)
        if ending.state is not JobState.SUCCEEDED:
            raise JobError(f"{folders} could not be prepared: {_how(ending)}")
        write(f"penstock: {folders} is prepared\n".encode(errors="replace"))


def _how(ending: Ending) -> str:
    return ending.reason or f"exit code {ending.exit_code}"


def _key(job: Job, *parts: str) -> str:
    """A key of this repository's: no other one finds what is kept under it."""
    return digest_of(job.source.forge, job.source.repository, *parts)


def _preparing(job: Job, prepare: Preparation) -> Job:
    """The job that prepares. It sees its declared inputs only, no commit, and no secret."""
    seen = {"inputs": prepare.inputs, "history": History.NONE}
    source = job.source.model_copy(update=seen)
    return job.model_copy(
        update={
            "run": prepare.run,
            "workdir": prepare.workdir,
            "source": source,
            "inputs": (),
            "outputs": (),
            "variables": {**_VARIABLES, **prepare.env},
            "secrets": {},
            "timeout": prepare.timeout,
        }
    )


def _relative_to(workdir: str, prepare: Preparation) -> list[str]:
    """The prepared folders, relative to a job's working directory."""
    return [relpath(join(prepare.workdir, name), workdir) for name in prepare.keep]
