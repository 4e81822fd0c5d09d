"""Runs every few minutes, and ends builds that have waited for too long."""

from build_service import bootstrap
from build_service.bootstrap import SERVICE

handler = SERVICE.sweep(bootstrap.sweep)
