"""What a flow did with each component, and what its environments run of it now."""

from collections.abc import Iterable, Iterator

from monitor_service.domain.facts import ComponentThere, DeployedFact, FlowFacts, RolledBackFact
from monitor_service.domain.view import ComponentView, DeploymentView
from penstock_shared.contracts.plan import Plan


def components_of(facts: FlowFacts, plan: Plan | None) -> tuple[ComponentView, ...]:
    """Every component that the plan or a deployment names, in the plan's order."""
    planned = {component.name: component for component in plan.components} if plan else {}
    there = _deployments(facts)
    return tuple(
        _component(
            name,
            built=name in planned and planned[name].built,
            reason=planned[name].reason if name in planned else "",
            deployments=tuple(there.get(name, {}).values()),
        )
        for name in dict.fromkeys((*planned, *there))
    )


def _component(
    name: str, *, built: bool, reason: str, deployments: tuple[DeploymentView, ...]
) -> ComponentView:
    return ComponentView(
        name=name,
        built=built,
        deployed=any(deployment.deployed for deployment in deployments),
        version=deployments[-1].version if deployments else "",
        reason=reason or _first(deployment.reason for deployment in deployments),
        deployments=deployments,
    )


def _deployments(facts: FlowFacts) -> dict[str, dict[str, DeploymentView]]:
    """By component and environment, in the order of the deployments.

    A rollback is said last: what it put back is what the environment runs.
    """
    found: dict[str, dict[str, DeploymentView]] = {}
    for fact in facts.deployed:
        for one in fact.components:
            found.setdefault(one.name, {})[fact.environment] = _view_of(fact, one)
    for back in facts.rolled_back:
        for one in _put_back(back, found):
            found.setdefault(one.name, {})[back.environment] = _view_of(back, one)
    return found


def _put_back(
    fact: RolledBackFact, deployed: dict[str, dict[str, DeploymentView]]
) -> Iterator[ComponentThere]:
    """What was put back; where the fact names nothing, whatever the flow had deployed there."""
    yield from fact.put_back
    if fact.changed and not fact.components:
        for name, there in deployed.items():
            if fact.environment in there and there[fact.environment].deployed:
                yield ComponentThere(name=name, reason="back on what ran before")


def _view_of(fact: DeployedFact | RolledBackFact, there: ComponentThere) -> DeploymentView:
    rolled_back = isinstance(fact, RolledBackFact)
    return DeploymentView(
        environment=fact.environment,
        role=fact.role,
        version=there.version,
        deployed=there.deployed and not rolled_back,
        rolled_back=rolled_back,
        reason=there.reason,
    )


def _first(texts: Iterable[str]) -> str:
    return next((text for text in texts if text), "")
