"""Small repositories for tests."""

COMMANDS = """\
version: 1
components:
  app:
    path: app
    build: {run: "%(build)s"}
    deploy: {driver: command, run: "%(deploy)s"}
gates:
  check: {run: "%(gate)s"}
environments:
  staging: {mode: %(mode)s}
  production: {mode: %(mode)s}
release: {from: staging, to: production, bake: %(bake)s}
branches: {main: release, "**": check}
"""


def commands(
    build: str = "true",
    gate: str = "true",
    deploy: str = "true",
    bake: str = "0s",
    mode: str = "supersede",
) -> dict[str, str]:
    """One component that is built and deployed by commands."""
    given = {"build": build, "gate": gate, "deploy": deploy, "bake": bake, "mode": mode}
    return {"penstock.yml": COMMANDS % given, "app/code": "1"}


FUNCTIONS = """\
version: 1
components:
  %(name)s-first:
    path: first
    build: {preset: python-lambda}
    deploy: {driver: lambda, function: %(name)s-first}
  %(name)s-second:
    path: second
    depends_on: [%(name)s-first]
    build: {preset: python-lambda}
    deploy: {driver: lambda, function: %(name)s-second}
gates:
  check: {run: "test -s handler.py"}
environments: {staging: {}, production: {}}
release: {from: staging, to: production, bake: %(bake)s}
"""
HANDLER = """\
import os

def handler(event, context):
    return {"version": "%s", "environment": os.environ["PENSTOCK_ENVIRONMENT"]}
"""


def functions(name: str, version: str = "one", bake: str = "0s") -> dict[str, str]:
    """Two Lambda functions, one of which depends on the other."""
    return {
        "penstock.yml": FUNCTIONS % {"name": name, "bake": bake},
        "first/handler.py": HANDLER % version,
        "second/handler.py": HANDLER % "one",
    }
