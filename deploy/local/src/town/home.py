"""Where a town keeps what it needs: the folder `.town/` of its working tree."""

import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

TREE_MARK = "deploy/topics.yaml"


class TownError(Exception):
    """Something stops the town. The message is one clear line (and perhaps a log's last ones): what, and a way out."""


@dataclass(frozen=True)
class Home:
    """One town's folder. Two towns have two folders and share nothing."""

    folder: Path
    tree: Path

    @classmethod
    def find(cls) -> "Home":
        """The town of the working tree that one stands in; `TOWN_HOME` names another folder.

        Raises:
            TownError: this is no working tree of the city.
        """
        tree = _working_tree()
        chosen = os.environ.get("TOWN_HOME")
        return cls(Path(chosen).resolve() if chosen else tree / ".town", tree)

    def prepare(self) -> None:
        """Make the folders."""
        for folder in (self.folder, self.logs, self.processes, self.paused, self.environments, self.documents):
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def lock(self) -> Path:
        return self.folder / "lock"

    @property
    def addresses(self) -> Path:
        """Where everything is; only there while the town serves."""
        return self.folder / "town.json"

    @property
    def supervisor(self) -> Path:
        """The record of the process that keeps the town running."""
        return self.folder / "supervisor.json"

    @property
    def secrets(self) -> Path:
        return self.folder / "secrets.json"

    @property
    def clock(self) -> Path:
        return self.folder / "clock"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def processes(self) -> Path:
        """A record for each process of the town: pid and start time."""
        return self.folder / "processes"

    @property
    def paused(self) -> Path:
        """A file here named like a process asks the town to keep that process stopped until the file is gone."""
        return self.folder / "paused"

    @property
    def environments(self) -> Path:
        """The environment of each service, for an operator's commands."""
        return self.folder / "environment"

    def environment_of(self, service: str) -> dict[str, str]:
        """What the town has told `service` by its environment; empty before it has."""
        try:
            lines = (self.environments / f"{service}.env").read_text().splitlines()
        except FileNotFoundError:
            return {}
        pairs = (shlex.split(line)[-1].partition("=") for line in lines if line.strip())
        return {name: value for name, _, value in pairs}

    @property
    def postgres(self) -> Path:
        return self.folder / "postgres"

    @property
    def kafka(self) -> Path:
        return self.folder / "kafka"

    @property
    def mail(self) -> Path:
        return self.folder / "mail"

    @property
    def issuer(self) -> Path:
        return self.folder / "issuer"

    @property
    def documents(self) -> Path:
        """The document store: what citizens have uploaded, by its hash."""
        return self.folder / "documents"

    @property
    def topics(self) -> Path:
        return self.tree / TREE_MARK


def _working_tree() -> Path:
    here = Path.cwd().resolve()
    beside_the_code = Path(__file__).resolve()
    for folder in (here, *here.parents, *beside_the_code.parents):
        if (folder / TREE_MARK).exists():
            return folder
    raise TownError("this is not a working tree of the city (no deploy/topics.yaml): change into it first")


def town_command() -> str:
    """How one calls the town's command line here."""
    on_path = any((Path(folder) / "uv").exists() for folder in os.environ.get("PATH", "").split(os.pathsep) if folder)
    if on_path:
        return "uv run town"
    command = Path(sys.argv[0]).resolve() if Path(sys.argv[0]).name == "town" else Path(sys.executable).parent / "town"
    try:
        return str(command.relative_to(Path.cwd().resolve()))
    except ValueError:
        return str(command)
