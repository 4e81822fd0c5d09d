"""What a flow did with each component."""

from collections.abc import Iterable

from monitor_service.domain.facts import FlowFacts
from monitor_service.domain.view import ComponentView, DeploymentView
from penstock_shared.contracts.plan import Plan


def components_of(facts: FlowFacts, plan: Plan | None) -> tuple[ComponentView, ...]:
    """Every component that the plan or a deployment names, in the plan's order."""
    planned = {component.name: component for component in plan.components} if plan else {}
    deployed = (one.name for fact in facts.deployed for one in fact.components)
    return tuple(
        _component(
            name,
            built=name in planned and planned[name].built,
            reason=planned[name].reason if name in planned else "",
            deployments=_deployments_of(name, facts),
        )
        for name in dict.fromkeys((*planned, *deployed))
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


def _deployments_of(name: str, facts: FlowFacts) -> tuple[DeploymentView, ...]:
    return tuple(
        DeploymentView(
            environment=fact.environment,
            role=fact.role,
            version=one.version,
            deployed=one.deployed,
            reason=one.reason,
        )
        for fact in facts.deployed
        for one in fact.components
        if one.name == name
    )


def _first(texts: Iterable[str]) -> str:
    return next((text for text in texts if text), "")
