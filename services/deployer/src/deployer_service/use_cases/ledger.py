"""The deployer's three kinds of records, which lie in one table, and the order to change them in.

An environment's record says who may change the environment; a deployment's record says what
becomes of the deployment. They are two writes. Whenever a deployment is waiting, recalled or at
its end, `follow_up` brings both in line again, however often and from wherever it is called; so
whoever dies between the two writes leaves nothing that the next message or sweep does not finish.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from deployer_service.domain.deployment import deploying, rolling_back
from deployer_service.domain.deployment.model import Deployment, DeploymentState
from deployer_service.domain.environment import line
from deployer_service.domain.environment.model import Environment, Standing, standing_of
from deployer_service.domain.environment.settling import SETTLED, prove, reclaim, settle
from deployer_service.domain.flow import Flow
from deployer_service.domain.ports import DecisionContext, Driver
from penstock_shared.clock import Clock
from penstock_shared.decisions import Cause, Decision, Outcome, already_done
from penstock_shared.persistence.outbox import Records


@dataclass(frozen=True)
class Ledger:
    """Flows, deployments and environments."""

    flows: Records[Flow]
    deployments: Records[Deployment]
    environments: Records[Environment]
    drivers: Mapping[str, Driver]
    clock: Clock

    def context(self) -> DecisionContext:
        """What decisions need, as of now."""
        return DecisionContext(self.drivers, self.clock())

    def follow_up(self, deployment: Deployment | None, cause: Cause) -> None:
        """Do whatever a deployment in this state calls for, until it has to wait."""
        while deployment:
            if cause.flow_id != deployment.flow_id:
                cause = deployment.cause()
            moved: Outcome[Deployment] | None = None
            if deployment.state is DeploymentState.WAITING:
                moved = self._take_turn(deployment, cause)
            elif deployment.state is DeploymentState.RECALLED:
                moved = self._take_back(deployment, cause)
            elif deployment.state in SETTLED:
                self._settle(deployment, cause)
            deployment = moved.record if moved else None

    def claim(self, deployment: Deployment, cause: Cause) -> Environment:
        """Its environment, with the deployment as the holder, in line, or turned away."""
        key = deployment.environment_key
        if not deployment.exclusive:
            return self.environments.get(key) or Environment(key=key)
        mode, wanted = deployment.environment.mode, deployment.claim()
        outcome = self.environments.change(
            key,
            cause,
            lambda known: line.claim(known, key, mode, wanted, self.clock()),
        )
        return outcome.record or Environment(key=key)

    def decided(self, deployment: Deployment, place: Environment) -> Decision[Deployment]:
        """What a waiting deployment does, given how it stands with its environment."""
        standing = standing_of(place, deployment.id)
        if standing is Standing.GRANTED or not deployment.exclusive:
            production = self._production_of(deployment, place)
            return deploying.begin(deployment, place, self.context(), production)
        if standing is Standing.RETIRED:
            return deploying.supersede(deployment, place.newest.flow_id if place.newest else "")
        return already_done("it waits for the environment")

    def _production_of(self, deployment: Deployment, place: Environment) -> Environment | None:
        """What its release would find in production, where staging runs all of it already."""
        if not deployment.production_key or not deploying.changes_nothing(deployment, place):
            return None
        return self.environments.get(deployment.production_key)

    def _take_turn(self, waiting: Deployment, cause: Cause) -> Outcome[Deployment] | None:
        place = self.claim(waiting, cause)

        def decide(known: Deployment | None) -> Decision[Deployment]:
            if known is None or known.state is not DeploymentState.WAITING:
                return already_done("it no longer waits")
            return self.decided(known, place)

        return self._moved(waiting, self.deployments.change(waiting.id, cause, decide))

    def _take_back(self, recalled: Deployment, cause: Cause) -> Outcome[Deployment] | None:
        outcome = self.environments.change(
            recalled.environment_key,
            cause,
            lambda known: reclaim(known, recalled, self.clock()),
        )
        place = outcome.record or Environment(key=recalled.environment_key)
        if recalled.exclusive and place.holder != recalled.claim(rollback=True):
            return None
        moved = self.deployments.change(
            recalled.id,
            cause,
            lambda known: rolling_back.begin_back(known, place, self.context()),
        )
        return self._moved(recalled, moved)

    def _settle(self, ended: Deployment, cause: Cause) -> None:
        if ended.staging_key and ended.state is DeploymentState.DONE:
            self.environments.change(
                ended.staging_key, cause, lambda known: prove(known, ended.flow_id)
            )
        self.environments.change(
            ended.environment_key, cause, lambda known: settle(known, ended, self.clock())
        )

    @staticmethod
    def _moved(before: Deployment, outcome: Outcome[Deployment]) -> Outcome[Deployment] | None:
        """The outcome if there is more to follow up: the same state again would go in circles."""
        after = outcome.record
        return outcome if after and after.state is not before.state else None
