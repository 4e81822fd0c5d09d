"""The queue `deployer-steps`: work on AWS that takes longer than a message's handling should."""

from deployer_service import bootstrap
from deployer_service.bootstrap import SERVICE
from deployer_service.domain.messages import DeployComponentRequested
from deployer_service.handlers.giving_up import give_up
from penstock_shared.messaging.routes import Routes

ROUTES: Routes = {DeployComponentRequested: bootstrap.perform_step}
handler = SERVICE.consumer(ROUTES, queue="deployer-steps", give_up=give_up)
