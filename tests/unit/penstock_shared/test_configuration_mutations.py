"""Whatever the bytes are, reading ends with a configuration or with words, and soon."""

import random
import time

from penstock_shared.configuration import InvalidConfigurationError, read_configuration

SEED = 20261124
COUNT = 5_000
GOOD = b"""\
version: 1
components:
  customers: &c
    path: services/customers
    build: {preset: python-lambda, include: [libs/common]}
    deploy: {driver: lambda, function: customers, memory: 256, environment: {A: "b"}}
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
    """What reading says; nothing where there is nothing to say."""
    try:
        read_configuration(text)
    except InvalidConfigurationError as error:
        return str(error)
    return ""


def test_the_file_before_the_accidents_is_good() -> None:
    assert mistakes_in(GOOD) == ""


def test_any_bytes_are_a_configuration_or_a_mistake_in_words() -> None:
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
