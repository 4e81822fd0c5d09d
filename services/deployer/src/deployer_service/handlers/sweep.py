"""Every few minutes: deployments that wait for too long, and environments that are held."""

from deployer_service import bootstrap
from deployer_service.bootstrap import SERVICE

handler = SERVICE.sweep(bootstrap.sweep)
