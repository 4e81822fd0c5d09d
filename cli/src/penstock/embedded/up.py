"""Starts an embedded stack, or repairs the one that is there."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from penstock.embedded.deployment import deploy_stacks
from penstock.embedded.emulator import ensure_emulator
from penstock.embedded.endpoints import describe_stack
from penstock.embedded.errors import NotRunningError
from penstock.embedded.git_service import ensure_git_server
from penstock.embedded.greeting import greet
from penstock.embedded.home import Home, find_home
from penstock.embedded.lock import only_one
from penstock.embedded.processes import ProcessBook
from penstock.embedded.pushes import MARGIN, redeliver_pushes_since
from penstock.embedded.registrations import refresh_repositories
from penstock.embedded.report import Report
from penstock.embedded.repository import ensure_repository, local_repositories
from penstock.embedded.runners import (
    Crew,
    check_runners,
    ensure_runners,
    runners_are_outdated,
    stop_runners,
)
from penstock.embedded.stack import STAGE, Endpoint, Stack
from penstock.packaging import (
    PackagedStack,
    local_target,
    package_services,
    package_stacks,
)
from penstock.project import stack_folders

RUNNERS = 2
SLOTS = 2
_PATIENCE = 10.0


@dataclass(frozen=True)
class StackOptions:
    """The wanted runners."""

    runners: int = RUNNERS
    slots: int = SLOTS
    tools: tuple[Path, ...] = ()
    """Folders of programs that jobs find before the machine's own."""
    enforce_iam: bool = False
    """Whether an emulator that is started refuses what roles do not allow. Runners then assume the
    roles of their trusts, for an hour."""


def up(
    home: Path | None = None, options: StackOptions | None = None, report: Report | None = None
) -> Stack:
    """Start the stack of this home. What runs is kept, what has died is replaced.

    When it fails or is interrupted, it stops the processes that it started. Raises PenstockError.
    """
    report = report or Report()
    place = find_home(home)
    with only_one(place, lambda: report.say("Another penstock is at work here; waiting for it.")):
        place.make()
        book = ProcessBook(place.processes_file, place.logs)
        alive = set(book.alive())
        try:
            return _Startup(place, book, options or StackOptions(), report).run()
        except BaseException:
            book.stop(set(book.alive()) - alive, _PATIENCE)
            raise


@dataclass(frozen=True)
class _Startup:
    home: Home
    book: ProcessBook
    options: StackOptions
    report: Report

    def run(self) -> Stack:
        saved_at = self.home.last_save()
        with self.report.step("Packaged; emulator ready"), ThreadPoolExecutor(1) as pool:
            packaging = pool.submit(_package)
            endpoint, was_started = ensure_emulator(
                self.home, self.book, enforce_iam=self.options.enforce_iam
            )
            stacks = packaging.result()
        deployed = self._deploy(endpoint, stacks)
        for name in local_repositories(self.home):
            ensure_repository(self.home, name)  # with the hook of this version
        git_url, git_started = ensure_git_server(self.home, self.book)
        stack = describe_stack(endpoint, git_url)
        started = self._ensure_runners(stack)
        self._write(stack)
        with self.report.step("Webhook and page answer"):
            greet(stack)
            stack = refresh_repositories(self.home)
        if was_started and saved_at is not None:
            _sweep(stack)
            redeliver_pushes_since(self.home, saved_at - MARGIN, self.report)
        check_runners(self.book)
        if not (was_started or deployed or started or git_started):
            self.report.say("The stack runs already.")
        return stack

    def _deploy(self, endpoint: Endpoint, stacks: Sequence[PackagedStack]) -> list[str]:
        with self.report.step(f"Deployed {len(stacks)} stacks"):
            return deploy_stacks(endpoint, stacks)

    def _ensure_runners(self, stack: Stack) -> list[str]:
        options = self.options
        crew = Crew(options.runners, options.slots, options.tools, options.enforce_iam)
        # Called first and always: it also records the current code and tools.
        outdated = runners_are_outdated(self.home, crew)
        if outdated or self._endpoint_before() != stack.endpoint:
            stop_runners(self.book)
        return ensure_runners(self.home, self.book, stack, crew)

    def _endpoint_before(self) -> Endpoint | None:
        try:
            return Stack.load(self.home.folder).endpoint
        except NotRunningError:
            return None

    def _write(self, stack: Stack) -> None:
        pids = {name: process.pid for name, process in self.book.alive().items()}
        known = self._repositories_before()
        replace(stack, processes=pids, repositories=known).save(self.home.stack_file)

    def _repositories_before(self) -> list[dict[str, str]]:
        """A push may come before the repositories are read again."""
        try:
            return Stack.load(self.home.folder).repositories
        except NotRunningError:
            return []


def _package() -> list[PackagedStack]:
    target, folders = local_target(), stack_folders()
    return package_stacks(folders, package_services(target, folders), target, STAGE)


def _sweep(stack: Stack) -> None:
    """Let each service's sweeper find what got stuck while the emulator was down."""
    functions = stack.client("lambda")
    for page in functions.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            if function["FunctionName"].endswith(f"-{STAGE}-sweep"):
                functions.invoke(FunctionName=function["FunctionName"], InvocationType="Event")
