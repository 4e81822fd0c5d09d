"""What services take, what their queues hear and what the documents say is one thing."""

import re
from collections.abc import Mapping
from importlib import import_module

import pytest
import yaml

from penstock.project import PROJECT_ROOT
from penstock_shared.contracts.commands import FlowCommand, command_topics
from penstock_shared.contracts.event import Topic, known_event_types
from penstock_shared.messaging.routes import Routes, route_of

CONSUMERS = {
    "answers": ("services/answers", "answers_service.handlers.worker"),
    "build": ("services/build", "build_service.handlers.worker"),
    "test-runner": ("services/test-runner", "test_runner_service.handlers.worker"),
    "deployer": ("services/deployer", "deployer_service.handlers.worker"),
    "release": ("services/release", "release_service.handlers.worker"),
    "monitor": ("services/monitor", "monitor_service.handlers.project"),
    "runner": ("runner", "penstock_runner.handlers"),
}
BY_HAND = "by hand"


class Loader(yaml.SafeLoader):
    """Reads a template without knowing CloudFormation's tags."""


Loader.add_multi_constructor("!", lambda _loader, _tag, _node: None)


def consumes(service: str) -> Mapping[str, Mapping[str, list[str]]]:
    """The topics in a stack's `custom.consumes`, each with its filter."""
    text = (PROJECT_ROOT / CONSUMERS[service][0] / "serverless.yml").read_text()
    return dict(yaml.load(text, Loader)["custom"]["consumes"])


def routes(service: str) -> Routes:
    found: Routes = import_module(CONSUMERS[service][1]).ROUTES
    return found


def topics_of_events() -> Mapping[str, set[str]]:
    """The types of events on each topic."""
    topics: dict[str, set[str]] = {}
    for name, data in known_event_types().items():
        if isinstance(data.channel, Topic) and data.__module__.startswith("penstock_shared."):
            topics.setdefault(data.channel, set()).add(name)
    return topics


def heard(service: str) -> set[tuple[str, str]]:
    """What reaches a service's queue: topics and types."""
    return {
        (topic, kind)
        for topic, wanted in consumes(service).items()
        for kind in wanted.get("type", [BY_HAND])
    }


def routed(service: str) -> set[tuple[str, str]]:
    """What a service has a route for, on topics: its own queue's messages are its own business."""
    table = routes(service)
    events = {
        (topic, kind)
        for topic, kinds in topics_of_events().items()
        for kind in kinds
        if route_of(table, known_event_types()[kind])
    }
    commands = {(kind.topic, BY_HAND) for kind in table if issubclass(kind, FlowCommand)}
    return events | commands


@pytest.mark.parametrize("service", CONSUMERS)
def test_a_service_hears_what_it_has_routes_for_and_nothing_else(service: str) -> None:
    assert heard(service) == routed(service)


@pytest.mark.parametrize("service", ["build", "test-runner", "deployer"])
def test_a_service_hears_of_its_own_jobs_only(service: str) -> None:
    assert consumes(service)["job-finished"]["owner"] == [service]


def documented() -> Mapping[str, tuple[set[str], set[str]]]:
    """Topic to types and consumers, as the table in the documents has them."""
    text = (PROJECT_ROOT / "docs" / "architecture.md").read_text()
    rows = re.findall(r"^\| `([a-z-]+)` \| (.*) \| .* \| (.*) \|$", text, re.MULTILINE)
    return {
        topic: (set(re.findall("`([a-z-]+)`", types)), set(consumers.split(", ")))
        for topic, types, consumers in rows
        if topic in {*topics_of_events(), *command_topics()}
    }


def test_the_table_in_the_documents_has_every_topic_with_its_types_and_consumers() -> None:
    kinds: dict[str, set[str]] = {topic: set() for topic in command_topics()}
    everything = {**kinds, **topics_of_events()}

    assert documented() == {
        topic: (types, {service for service in CONSUMERS if topic in consumes(service)})
        for topic, types in everything.items()
    }
