"""Every few minutes: releases that wait for too long."""

from release_service import bootstrap
from release_service.bootstrap import SERVICE

handler = SERVICE.sweep(bootstrap.sweep_releases)
