"""Services that exist for one test: written as files, installed as distributions, found like any other."""

import importlib
import secrets
import sys
from importlib.metadata import DistributionFinder, EntryPoint, MetadataPathFinder
from pathlib import Path
from textwrap import dedent

import pytest


class Town:
    """A working tree with `deploy/topics.yaml` and services, in a folder of the test's own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._packages = folder / "packages"
        self._packages.mkdir()
        (folder / "deploy").mkdir()
        monkeypatch.syspath_prepend(str(self._packages))
        monkeypatch.setattr("amtsbus.service.entry_points", self._entry_points)
        monkeypatch.chdir(folder)

    def _entry_points(self, group: str) -> list[EntryPoint]:
        context = DistributionFinder.Context(path=[str(self._packages)])
        found = MetadataPathFinder().find_distributions(context)
        return [point for distribution in found for point in distribution.entry_points if point.group == group]

    def topics(self, text: str) -> None:
        """Write the list of topics."""
        (self.folder / "deploy" / "topics.yaml").write_text(dedent(text), encoding="utf-8")

    def contracts(self, service: str) -> Path:
        """The folder of a service's contracts."""
        return self.folder / "services" / service / "contracts"

    def install(self, service: str, source: str, *, version: str = "0.1.0") -> None:
        """Install (or replace) a service whose main module is `source`; it has to define SERVICE.

        `MIGRATIONS` in it is the folder of the service's migrations.
        """
        migrations = self.folder / "services" / service / "migrations"
        migrations.mkdir(parents=True, exist_ok=True)
        # a fresh name each time: what has been imported before stays what it was
        module = f"{service}_{secrets.token_hex(4)}"
        text = f"from pathlib import Path\nMIGRATIONS = Path({str(migrations)!r})\n{dedent(source)}"
        (self._packages / f"{module}.py").write_text(text, encoding="utf-8")
        information = self._packages / f"amtsbus_{service}-1.dist-info"
        information.mkdir(exist_ok=True)
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: amtsbus-{service}\nVersion: {version}\n")
        (information / "entry_points.txt").write_text(f"[amtsbus.services]\n{service} = {module}:SERVICE\n")
        importlib.invalidate_caches()

    def uninstall(self, service: str) -> None:
        """Take a service out of this installation; its files stay in the working tree."""
        information = self._packages / f"amtsbus_{service}-1.dist-info"
        for file in information.iterdir():
            file.unlink()
        information.rmdir()
        importlib.invalidate_caches()
        for name in [name for name in sys.modules if name.startswith(f"{service}_")]:
            del sys.modules[name]
