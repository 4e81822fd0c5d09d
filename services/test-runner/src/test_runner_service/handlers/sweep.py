"""Runs every few minutes, and ends test runs that have waited for too long."""

from test_runner_service import bootstrap
from test_runner_service.bootstrap import SERVICE

handler = SERVICE.sweep(bootstrap.sweep)
