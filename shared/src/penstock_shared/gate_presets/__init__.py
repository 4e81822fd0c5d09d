"""Registers the gate presets: one line each."""

from penstock_shared.gate_presets.bandit import BANDIT
from penstock_shared.gate_presets.base import GatePreset
from penstock_shared.gate_presets.black import BLACK
from penstock_shared.gate_presets.detect_secrets import DETECT_SECRETS
from penstock_shared.gate_presets.e2e import E2E
from penstock_shared.gate_presets.eslint import ESLINT
from penstock_shared.gate_presets.flake8 import FLAKE8
from penstock_shared.gate_presets.mypy import MYPY
from penstock_shared.gate_presets.npm_test import NPM_TEST
from penstock_shared.gate_presets.pip_audit import PIP_AUDIT
from penstock_shared.gate_presets.pre_commit import PRE_COMMIT
from penstock_shared.gate_presets.pyright import PYRIGHT
from penstock_shared.gate_presets.pytest import PYTEST
from penstock_shared.gate_presets.ruff import RUFF
from penstock_shared.gate_presets.tsc import TSC

GATE_PRESETS: dict[str, GatePreset] = {
    "ruff": RUFF,
    "black": BLACK,
    "flake8": FLAKE8,
    "mypy": MYPY,
    "pyright": PYRIGHT,
    "pytest": PYTEST,
    "pre-commit": PRE_COMMIT,
    "bandit": BANDIT,
    "pip-audit": PIP_AUDIT,
    "detect-secrets": DETECT_SECRETS,
    "npm-test": NPM_TEST,
    "eslint": ESLINT,
    "tsc": TSC,
    "e2e": E2E,
}
