"""Makes what is deployed: one small, reproducible zip per service, and a template per stack."""

from penstock.packaging.errors import PackagingError
from penstock.packaging.services import Artifact, package_service, package_services
from penstock.packaging.targets import Target, aws_target, local_target
from penstock.packaging.templates import PackagedStack, package_stacks

__all__ = [
    "Artifact",
    "PackagedStack",
    "PackagingError",
    "Target",
    "aws_target",
    "local_target",
    "package_service",
    "package_services",
    "package_stacks",
]
