"""Every few minutes: builds that wait for too long."""

from build_service import bootstrap
from build_service.bootstrap import SERVICE

handler = SERVICE.sweep(bootstrap.sweep)
