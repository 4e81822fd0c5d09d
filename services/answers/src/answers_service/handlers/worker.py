"""The service's queue: what happens to flows whose forge is to be told."""

from datetime import timedelta

from answers_service import bootstrap
from answers_service.bootstrap import SERVICE
from penstock_shared.contracts.events import (
    BuildCompleted,
    BuildRequested,
    DeployDone,
    FlowStopped,
    GatesJudged,
    TestsPassed,
)
from penstock_shared.messaging.consumer import Patience
from penstock_shared.messaging.routes import Routes

ROUTES: Routes = {
    BuildRequested: bootstrap.follow_flow,
    BuildCompleted: bootstrap.follow_flow,
    GatesJudged: bootstrap.follow_flow,
    TestsPassed: bootstrap.follow_flow,
    DeployDone: bootstrap.follow_flow,
    FlowStopped: bootstrap.follow_flow,
}
PATIENCE = Patience(tries=16, longest_pause=timedelta(minutes=30))
"""A forge may be down for three hours before an answer is a dead letter."""

handler = SERVICE.consumer(ROUTES, patience=PATIENCE)
