"""M2: whatever bytes a penstock.yml has, it ends with a plan or with words, and soon.

PENSTOCK_MUTATIONS says how many accidents to try.
"""

import os
import random
import time

from build_service.domain.errors import BuildError
from build_service.domain.limits import check_limits
from build_service.domain.planning import Planner
from penstock_shared.configuration import InvalidConfigurationError, read_configuration
from penstock_shared.contracts.change import Trust
from tests.support.builders import FLOW_ID, NOW, SNAPSHOT, a_change
from tests.unit.build_service.sources import a_tree

SEED = 20261124
COUNT = int(os.environ.get("PENSTOCK_MUTATIONS", "5000"))
TREE = a_tree(
    {"services/customers/handler.py": "", "services/orders/handler.py": "", "libs/common/a.py": ""}
)
GOOD = b"""\
version: 1
components:
  customers: &c
    path: services/customers
    build: {preset: python-lambda, include: [libs/common]}
    deploy: {driver: lambda, function: customers, memory: 256, env: {A: "b"}}
  orders: {<<: *c, path: services/orders, watch: ["libs/**"], deploy: , depends_on: [customers]}
  site: {build: {run: make, artifact: out/site.zip}, deploy: {driver: command, run: "x"}}
gates:
  unit: {run: pytest, timeout: 10m, retries: 1, coverage: {report: c.xml, minimum: 80.5}}
environments: {staging: , production: {stage: live, mode: queue}}
release: {from: staging, to: production, bake: 2h}
branches: {main: release, "**": check}
"""
PIECES = [
    b"!!int ",
    b"!!binary x",
    b"!!set {a}",
    b"!x ",
    b"!<tag:yaml.org,2002:timestamp> ",
    b"&c ",
    b"*c",
    b"<<: ",
    b"2024-13-45",
    b"2001-12-14t21:59:43.10-05:00",
    b"= ",
    b"? [a]\n: ",
    b"{a: b}: ",
    b"\xff",
    b"\xed\xa0\x80",
    b'"\\ud800"',
    b'"\\0"',
    b"\0",
    b"\xef\xbb\xbf",
    b"9" * 5000,
    b"0x" + b"f" * 5000,
    b"1:" * 3000,
    b"1e999",
    b".nan",
    b"-.inf",
    b"[" * 2000,
    b"- " * 2000,
    b"\xe2\x80\xa8",
    b"true",
    b"~",
    b"on: ",
    b"---\n",
    b"...\n",
    b"%YAML 9.9\n",
    b"\t",
    b"\r",
    b"|\n",
    b"lambda: ",
    b"[key]: ",
]


def mutated(chance: random.Random) -> bytes:
    """The good file after some accidents."""
    text = bytearray(GOOD)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(text) + 1)
        end = min(len(text), at + chance.choice([0, 0, 1, 3, 40]))
        match chance.randrange(4):
            case 0:
                text[at:end] = chance.choice(PIECES)
            case 1:
                text[at:end] = bytes(chance.choices(range(256), k=chance.randint(1, 4)))
            case 2:
                text[at:at] = text[at : at + 60]
            case _:
                del text[at:end]
    return bytes(text)


def mistakes_in(text: bytes) -> str:
    """What reading and planning say; nothing where there is nothing to say."""
    try:
        configuration = read_configuration(text)
        planner = Planner(a_change(), Trust.RELEASE, configuration, TREE, SNAPSHOT)
        check_limits(planner.plan(FLOW_ID, NOW))
    except (InvalidConfigurationError, BuildError) as error:
        return str(error)
    return ""


def test_the_file_before_the_accidents_is_good() -> None:
    assert mistakes_in(GOOD) == ""


def test_any_bytes_are_a_plan_or_a_mistake_in_words_within_a_second() -> None:
    """Unknown tags, bad dates and lists as keys were five tries, a dead letter, and ten minutes
    later "gave up waiting for its plan".
    """
    chance = random.Random(SEED)  # accidents, not secrets
    refused = 0
    for number in range(COUNT):
        text = mutated(chance)
        began = time.perf_counter()
        found = mistakes_in(text)
        assert time.perf_counter() - began < 1, (number, text)
        assert found.replace("\n", "").isprintable(), (number, text)
        assert len(found) < 10_000, (number, text)
        refused += bool(found)
    assert COUNT // 2 < refused < COUNT


def test_thousands_of_unknown_names_are_refused_within_a_second() -> None:
    """M3. 3,000 unknown names in `depends_on` hung in the search for similar ones."""
    names = [f"component-{number:04d}-with-a-long-name" for number in range(900)]
    known = "".join(f"  {name}: {{depends_on: [{', '.join(names)}]}}\n" for name in names[:5])
    unknown = ", ".join(f"kompanent-{number:04d}-with-a-lang-nime" for number in range(3000))
    for text in (
        f"version: 1\ncomponents:\n  a: {{depends_on: [{unknown}]}}\n",
        f"version: 1\ncomponents:\n{known}",
        f"version: 1\ncomponents:\n  a: {{depends_on: [{', '.join(names)}]}}\n",
    ):
        began = time.perf_counter()
        found = mistakes_in(text.encode())
        assert time.perf_counter() - began < 1
        assert "depends_on" in found
