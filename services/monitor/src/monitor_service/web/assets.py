"""Style, script and icon of the pages: three small files, read once."""

from functools import cache
from hashlib import sha256
from pathlib import Path

from flask import Blueprint, Response, abort

_FOLDER = Path(__file__).parent / "static"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def create_assets() -> Blueprint:
    """The route of the assets. Flask's own would leave a file open in every Lambda answer."""
    assets = Blueprint("assets", __name__)

    @assets.get("/static/<name>")
    def asset(name: str) -> Response:
        if name not in _contents():
            abort(404)
        answer = Response(_contents()[name], mimetype=_TYPES[Path(name).suffix])
        # Addresses of assets carry a digest of their content.
        answer.headers["Cache-Control"] = "private, max-age=31536000, immutable"
        return answer

    return assets


def asset_version() -> str:
    """A digest of all assets: another one means that a browser must fetch them again."""
    return sha256(b"".join(_contents().values())).hexdigest()[:10]


@cache
def _contents() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(_FOLDER.iterdir())}
