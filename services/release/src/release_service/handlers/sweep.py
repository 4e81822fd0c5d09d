"""Runs every few minutes, and ends releases that have waited for too long."""

from release_service import bootstrap
from release_service.bootstrap import SERVICE

handler = SERVICE.sweep(bootstrap.sweep_releases)
