"""Make the folder with what pages load: ``python -m amtsbus.web.packing [FOLDER] [--static FOLDER ...]``.

Out of the design system KERN UX (npm package `@kern-ux/native`, pinned in `deploy/assets/package-lock.json` and fetched from
there) and of the files in the folders `static` of the chassis and of services: one style sheet, two faces of Fira Sans with the
letters that names and texts in Germany need, scripts, icons. Each gets a hash of its content into its name, and lies there
compressed as well.
"""

import argparse
import gzip
import hashlib
import json
import logging
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Final

from amtsbus.web.assets import ENCODINGS, MANIFEST

CHASSIS: Final = Path(__file__).parents[1]
OWN_STYLE: Final = CHASSIS / "web" / "static" / "app.css"
STYLE: Final = "pages.css"
"""KERN's style sheet and `OWN_STYLE` in one."""
"""What only the pages for staff load, so that citizens do not."""
KERN: Final = Path("node_modules/@kern-ux/native/dist")
FACES: Final = {"fira-sans-400.woff2": "FiraSans-Regular.woff2", "fira-sans-600.woff2": "FiraSans-SemiBold.woff2"}
# Latin letters with those of DIN 91379, their marks, and the signs of German and English typography.
LETTERS: Final = (
    *range(0x20, 0x7F),
    *range(0xA0, 0x180),
    *(0x18F, 0x1A0, 0x1A1, 0x1AF, 0x1B0, 0x218, 0x219, 0x21A, 0x21B, 0x259, 0x2B9, 0x2BA, 0x2BC, 0x2BE, 0x2BF),
    *range(0x300, 0x30D),
    *range(0x323, 0x32E),
    *(0x1E80, 0x1E81, 0x1E82, 0x1E83, 0x1E84, 0x1E85, 0x1E9E, 0x1EF2, 0x1EF3),
    *(0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2018, 0x2019, 0x201A, 0x201C, 0x201D, 0x201E, 0x2022, 0x2026, 0x2030),
    *(0x202F, 0x2039, 0x203A, 0x20AC, 0x2190, 0x2192, 0x2212),
)


class NothingToPackError(Exception):
    """The assets cannot be made. The message says what is missing and how to get it."""


def static_files(more: Iterable[Path] = ()) -> dict[str, Path]:
    """The files that become assets under their own names: of the chassis and of the folders `more`.

    Raises:
        NothingToPackError: two have the same name.
    """
    folders = [*sorted(CHASSIS.glob("*/static")), *(folder for folder in more if folder.is_dir())]
    found: dict[str, Path] = {}
    for file in (file for folder in folders for file in sorted(folder.iterdir())):
        if file.name in found:
            raise NothingToPackError(f"{file} has the name of {found[file.name]}")
        if file != OWN_STYLE:
            found[file.name] = file
    return found


def pack(kern: Path, folder: Path, static: Iterable[Path] = ()) -> dict[str, str]:
    """Make `folder` anew. It takes its place when it is complete; processes that have read the old one go on with that.

    Args:
        kern: the folder `dist` of `@kern-ux/native`.
        static: folders `static` of services.

    Returns:
        The names with hashes, by name.

    Raises:
        NothingToPackError: the design system is not there.
    """
    if not (kern / "kern.min.css").is_file():
        raise NothingToPackError(
            f"there is no {kern / 'kern.min.css'}: run npm ci --ignore-scripts in deploy/assets first"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".assets-", dir=folder.parent))
    try:
        names = {
            name: _put(draft, name, subset((kern / "fonts/fira-sans" / face).read_bytes()))
            for name, face in FACES.items()
        }
        style = _content(OWN_STYLE).decode()
        for name, hashed in names.items():
            style = style.replace(f'url("{name}")', f'url("{hashed}")')
        kern_style = (kern / "kern.min.css").read_text(encoding="utf-8")
        names[STYLE] = _put(draft, STYLE, (kern_style + "\n" + style).encode())
        for name, file in static_files(static).items():
            names[name] = _put(draft, name, _content(file))
        (draft / MANIFEST).write_text(json.dumps(names, indent=2), encoding="utf-8")
        draft.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return names


def _put(folder: Path, name: str, content: bytes) -> str:
    """Write one asset, plain and compressed where that makes it smaller; returns its name with the hash."""
    stem, dot, extension = name.rpartition(".")
    hashed = f"{stem}.{hashlib.sha256(content).hexdigest()[:16]}{dot}{extension}"
    (folder / hashed).write_bytes(content)
    for encoding, suffix in ENCODINGS:
        compressed = _compressed(content, encoding)
        if len(compressed) < len(content) * 0.95:
            (folder / (hashed + suffix)).write_bytes(compressed)
    return hashed


def _compressed(content: bytes, encoding: str) -> bytes:
    if encoding == "gzip":
        return gzip.compress(content, 9, mtime=0)
    import brotli  # type: ignore[import-untyped] # it ships no types

    compressed: bytes = brotli.compress(content, quality=11)
    return compressed


def _content(file: Path) -> bytes:
    """A file as it is served: style without comments and indentation; no cleverer, since compression does the rest."""
    if file.suffix != ".css":
        return file.read_bytes()
    without_comments = re.sub(r"/\*.*?\*/", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(r"\s*\n\s*", "\n", without_comments).strip().encode()


def subset(face: bytes) -> bytes:
    """A face with `LETTERS` only, as WOFF2."""
    from fontTools import subset as fonttools  # type: ignore[import-untyped] # it ships no types

    logging.getLogger("fontTools").setLevel(logging.ERROR)
    options = fonttools.Options(
        flavor="woff2", layout_features=["kern", "mark", "ccmp"], hinting=False, notdef_outline=True
    )
    font = fonttools.load_font(BytesIO(face), options)
    subsetter = fonttools.Subsetter(options)
    subsetter.populate(unicodes=LETTERS)
    subsetter.subset(font)
    made = BytesIO()
    fonttools.save_font(font, made, options)
    return made.getvalue()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m amtsbus.web.packing", description="Make what pages load.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(".assets"), help="where; default: .assets")
    parser.add_argument(
        "--kern", type=Path, default=Path("deploy/assets") / KERN, help="the folder dist of @kern-ux/native"
    )
    parser.add_argument("--static", type=Path, nargs="*", default=[], help="folders with more assets, of services")
    options = parser.parse_args(arguments)
    try:
        names = pack(options.kern, options.folder, options.static)
    except NothingToPackError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    for name in sorted(names.values()):
        files = [file for suffix in (".br", "") if (file := options.folder / (name + suffix)).is_file()]
        sys.stdout.write(f"{name}: {files[0].stat().st_size:,} bytes on the wire\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
