"""What pages load: style, fonts and one script. Their names change with their content, so a browser keeps them for good."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from amtsbus.web.answers import accepted_encodings
from amtsbus.web.errors import AssetsMissingError

MANIFEST: Final = "manifest.json"
MEDIA_TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".woff2": "font/woff2",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
ENCODINGS: Final = (("br", ".br"), ("gzip", ".gz"))
"""The best first."""
FOR_GOOD: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Assets:
    """The assets of a folder, by their names with and without a hash."""

    names: Mapping[str, str]
    contents: Mapping[str, bytes]

    @classmethod
    def load(cls, folder: Path | None) -> "Assets":
        """Read the folder that `amtsbus.web.packing` has made.

        Args:
            folder: default: `.assets` in this folder or above it.

        Raises:
            AssetsMissingError: there is none, or it is not complete.
        """
        found = folder or _found()
        try:
            names: dict[str, str] = json.loads((found / MANIFEST).read_text(encoding="utf-8"))
            contents = {
                name + suffix: (found / (name + suffix)).read_bytes()
                for name in names.values()
                for suffix in ("", *(suffix for _, suffix in ENCODINGS))
                if suffix == "" or (found / (name + suffix)).is_file()
            }
        except (OSError, ValueError) as error:
            raise AssetsMissingError(
                f"the assets of the pages are missing in {found.resolve()}. Make them: python3 deploy/local/bootstrap.py python "
                "-m amtsbus.web.packing; or name their folder: AMTSBUS_ASSETS"
            ) from error
        return cls(names, contents)

    def hashed(self, name: str) -> str:
        """The name under which the asset `name` is served.

        Raises:
            LookupError: there is no such asset.
        """
        if name not in self.names:
            raise LookupError(f"there is no asset {name!r}; there are {', '.join(sorted(self.names))}")
        return self.names[name]

    def answer(self, request: Request, name: str) -> Response | None:
        """The asset of this hashed name, compressed as the browser likes it; None where there is none."""
        if name not in self.contents or name.endswith(tuple(suffix for _, suffix in ENCODINGS)):
            return None
        accepted = accepted_encodings(request)
        headers = {"Cache-Control": FOR_GOOD, "Vary": "Accept-Encoding"}
        content = self.contents[name]
        for encoding, suffix in ENCODINGS:
            if encoding in accepted and name + suffix in self.contents:
                content = self.contents[name + suffix]
                headers["Content-Encoding"] = encoding
                break
        media_type = MEDIA_TYPES.get(Path(name).suffix, "application/octet-stream")
        return Response(content, media_type=media_type, headers=headers)


def _found() -> Path:
    for folder in (Path.cwd(), *Path.cwd().parents):
        if (folder / ".assets" / MANIFEST).is_file():
            return folder / ".assets"
    return Path(os.curdir) / ".assets"
