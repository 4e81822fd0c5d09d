"""What a repository's `penstock.yml` may not say, by its registration.

The file may narrow what the registration allows. Where it goes beyond, it is refused with the line.
Whether a branch may release is decided by `build_service.domain.trust`.
"""

from penstock_shared.configuration import Broken, Configuration
from penstock_shared.configuration.model import EnvironmentSection
from penstock_shared.contracts.registration import Allowance


def widened(configuration: Configuration, allowance: Allowance) -> Broken:
    """The places at which the file goes beyond what its registration allows."""
    yield from _bake(configuration, allowance)
    for name, section in configuration.environments.items():
        yield from _environment(name, section, allowance)
    yield from _deployed_names(configuration, allowance)


def _bake(configuration: Configuration, allowance: Allowance) -> Broken:
    release, least = configuration.release, allowance.least_bake
    if release is None or least == 0:
        return
    if release.from_ is None:
        yield (
            ("release",),
            f"does not bake, because it has no `from`; the registration asks for {least} s or more",
        )
    elif release.bake < least:
        yield (
            ("release", "bake"),
            f"is {release.bake} s; the registration asks for {least} s or more",
        )


def _environment(name: str, section: EnvironmentSection, allowance: Allowance) -> Broken:
    allowed = f"the registration allows {' and '.join(allowance.environments)}"
    if not allowance.reaches(name):
        yield ("environments", name), f"is not for this repository: {allowed}"
    elif section.stage and not allowance.reaches(section.stage):
        # What is deployed carries the stage in its name, and not the environment.
        yield (
            ("environments", name, "stage"),
            f"{section.stage!r} is not for this repository: {allowed}",
        )


def _deployed_names(configuration: Configuration, allowance: Allowance) -> Broken:
    prefix = allowance.deploy_prefix
    for name, component in configuration.components.items():
        deploy = component.deploy
        named = getattr(deploy, deploy.named_by) if deploy and deploy.named_by else prefix
        if deploy and not named.startswith(prefix):
            yield (
                ("components", name, "deploy", deploy.named_by),
                f"{named!r} must begin with {prefix!r}, the registration's deploy prefix",
            )
