"""Preset `detect-secrets`: looks for secrets that .secrets.baseline does not know."""

from penstock_shared.gate_presets.base import PythonTool

_RUNS = (
    "[ ! -f .secrets.baseline ] || set -- --baseline .secrets.baseline; "
    'git ls-files -z | xargs -0 detect-secrets-hook "$@"'
)
DETECT_SECRETS = PythonTool("detect-secrets", "1.5.0", _RUNS)
