"""The paths of this checkout. The command finds them because it is installed editable."""

import sys
from dataclasses import dataclass
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parents[3]
VENV_BIN = Path(sys.prefix) / "bin"
UV = VENV_BIN / "uv"
TOOLS = PROJECT_ROOT / ".tools"
EMULATOR_PYTHON = TOOLS / "emulator" / "bin" / "python"
PRESETS_PYTHON = TOOLS / "presets" / "bin" / "python"
SHOP_TOOLS = TOOLS / "shop" / "bin"
NODE = TOOLS / "node" / "bin" / "node"
OSLS = PROJECT_ROOT / "node_modules" / "osls" / "bin" / "serverless.js"
BUILD = PROJECT_ROOT / ".build"
PLATFORM = "platform"


@dataclass(frozen=True)
class StackFolder:
    """One serverless.yml. Its stack, artifact and build folder are all called `name`."""

    name: str
    path: Path
    lock: Path
    """The hash-pinned requirements of the stack's functions."""

    @property
    def template(self) -> Path:
        return self.path / "serverless.yml"

    @property
    def sources(self) -> Path:
        """The folder that holds the stack's import package; the platform stack has none."""
        return self.path / "src"


def stack_folders(root: Path = PROJECT_ROOT) -> tuple[StackFolder, ...]:
    """Every stack of this repository, the platform first: the others use its resources."""
    members = [root / "runner", *sorted((root / "services").glob("*/"))]
    places = [(PLATFORM, root), *((path.name, path) for path in members)]
    locks = root / "requirements"
    folders = [StackFolder(name, path, locks / f"lambda-{name}.txt") for name, path in places]
    return tuple(folder for folder in folders if folder.template.is_file())
