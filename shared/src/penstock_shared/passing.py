"""Which of a machine's variables its jobs see: those that downloads need, and no others."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

PASSED = (
    "ALL_PROXY",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TZ",
    "NPM_CONFIG_*",
    "PIP_*",
    "UV_*",
)
"""Proxies, certificates, the time zone, and package registries, in upper or lower case."""
NEVER_PASSED = (
    "AWS_*",
    "PENSTOCK_*",
    # Folders to write to: each job has its own.
    "NPM_CONFIG_CACHE",
    "NPM_CONFIG_PREFIX",
    "PIP_CACHE_DIR",
    "PIP_PREFIX",
    "PIP_ROOT",
    "PIP_TARGET",
    "PIP_USER",
    "UV_CACHE_DIR",
    "UV_PROJECT",
    "UV_PROJECT_ENVIRONMENT",
    "UV_PYTHON",
    "UV_PYTHON_INSTALL_DIR",
    "UV_TARGET",
    "UV_TOOL_*",
    "UV_WORKING_DIR*",
    # Credentials of the person who started the runner.
    "UV_PUBLISH_*",
    # Penstock's Makefile sets these for its own use.
    "UV_NO_PROGRESS",
    "UV_PYTHON_DOWNLOADS",
)


def passed_from(environ: Mapping[str, str], patterns: Iterable[str] = PASSED) -> dict[str, str]:
    """The variables that match one of the patterns, in either case, and none of NEVER_PASSED.

    If a variable is set in both cases, as some tools do, both are passed.
    """
    wanted = [pattern.strip().upper() for pattern in patterns]
    return {
        name: value
        for name, value in environ.items()
        if _matches(name, wanted) and not _matches(name, NEVER_PASSED)
    }


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name.upper(), pattern) for pattern in patterns)
