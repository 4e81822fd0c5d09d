"""A whole embedded stack: the emulator with the real templates, and real runners."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from filelock import FileLock

from penstock.embedded import Stack, StackOptions, down, up
from penstock.project import PROJECT_ROOT
from tests.support.private_git import Certificate
from tests.support.product import Product, Repository

Starter = Callable[[Path], Stack]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.timeout(240))


def start(home: Path, options: StackOptions | None = None) -> Stack:
    """Start a stack. A lock lets one process package at a time: all share the output.

    With PENSTOCK_TEST_IAM every stack enforces IAM, with every function and runner under its role.
    """
    options = options or StackOptions()
    if os.environ.get("PENSTOCK_TEST_IAM"):
        options = replace(options, enforce_iam=True)
    lock = PROJECT_ROOT / ".build" / "tests.lock"
    lock.parent.mkdir(exist_ok=True)
    with FileLock(lock):
        return up(home, options)


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of programs that the jobs of `product` find: what a test may show to its jobs."""
    folder = tmp_path_factory.mktemp("tools")
    folder.chmod(0o755)  # jobs have a user of their own
    return folder


@dataclass(frozen=True)
class Trusting:
    """What `product` trusts: the machine's certificates, and this one."""

    certificate: Certificate


@pytest.fixture(scope="session")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trusting]:
    certificate = Certificate.make(tmp_path_factory.mktemp("certificate"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_DIR", certificate.trusting)
        yield Trusting(certificate)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of `product`, by which commands find it."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def product(
    home: Path,
    tools: Path,
    trusting: Trusting,  # its certificate is in the environment meanwhile
) -> Iterator[Product]:
    """The stack that most tests share; each test has its own repository in it."""
    try:
        with httpx.Client(timeout=30, trust_env=False) as http:
            yield Product(start(home, StackOptions(tools=(tools,))), http)
    finally:
        down(home)


@pytest.fixture(scope="session")
def fragile_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of a second stack, for tests that kill its processes.

    Each of them calls `start` first, which replaces whatever the test before it has killed.
    """
    home = tmp_path_factory.mktemp("fragile")
    yield home
    down(home)


@pytest.fixture
def repository(product: Product, tmp_path: Path, request: pytest.FixtureRequest) -> Repository:
    name = request.node.name.removeprefix("test_").replace("[", "-").replace("]", "")
    return Repository.create(product, tmp_path, f"acme/{name[:60]}-{os.getpid()}")
