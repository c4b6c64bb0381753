"""Make this working tree ready on a bare machine, then run a command in it.

Needs Python 3.11 and the standard library only:

    python3 deploy/local/bootstrap.py [COMMAND ARGUMENT...]

1. find a Python that is new enough, 2. find uv or put it into `.uv/`, 3. install what `uv.lock` says into `.venv/`
(skipped when nothing has changed since the last time, so that a second start needs no network), 4. run COMMAND from there.

Written so that an older Python can read it as far as its refusal.
"""

# It runs Python, pip, uv and the command that it was given; nothing of it comes from outside.
# ruff: noqa: S603 - it runs Python, pip, uv and the command that it was given; nothing comes from outside

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

NEEDED = (3, 11)
UV_VERSION = "0.13.9"
UV_NEEDED = (0, 8)
TREE = Path(__file__).resolve().parents[2]
UV = TREE / ".uv"
VENV = TREE / ".venv"
STAMP = VENV / ".installed-from"
PYTHON = getattr(sys, "_base_executable", None) or sys.executable
"""Not the one of an environment, which may go."""


def main(command):
    """Make ready, and become `command`."""
    if sys.version_info < NEEDED:
        use_newer_python()
    uv = find_uv() or install_uv()
    wanted = fingerprint()
    if installed_from() != wanted:
        install(uv)
        STAMP.write_text(wanted)
    if command:
        os.environ["PATH"] = os.pathsep.join([str(VENV / "bin"), os.environ.get("PATH", "")])
        os.environ["VIRTUAL_ENV"] = str(VENV)
        executable = shutil.which(command[0])
        if executable is None:
            fail(f"there is no command {command[0]} in {VENV}")
        os.execv(executable, command)  # noqa: S606 - this is its purpose


def use_newer_python():
    """Go on with a newer Python of this machine, or say that there is none."""
    for minor in range(20, NEEDED[1] - 1, -1):
        newer = shutil.which(f"python3.{minor}")
        if newer and subprocess.call([newer, "-c", "pass"], stderr=subprocess.DEVNULL) == 0:
            os.execv(newer, [newer, *sys.argv])  # noqa: S606 - the same program with another interpreter
    fail(
        f"this needs Python {NEEDED[0]}.{NEEDED[1]} or newer, and {sys.executable} is "
        f"{sys.version_info[0]}.{sys.version_info[1]}. Install a newer one, or name it: make town PYTHON=/path/to/python3"
    )


def find_uv():
    """The uv of this machine or of this tree, if it is new enough."""
    for candidate in (shutil.which("uv"), shutil.which("uv", path=str(UV / "bin"))):
        if not candidate:
            continue
        try:
            said = subprocess.check_output([candidate, "--version"], text=True).split()[1]
            if tuple(int(part) for part in said.split(".")[:2]) >= UV_NEEDED:
                return candidate
        except (OSError, subprocess.CalledProcessError, ValueError, IndexError):
            continue  # half installed, or not for this machine
    return None


def install_uv():
    """Put uv into `.uv/`; nothing outside the working tree changes."""
    say(f"Installing uv {UV_VERSION} into .uv/ …")
    shutil.rmtree(UV, ignore_errors=True)
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"uv=={UV_VERSION}"]
    made = subprocess.run([PYTHON, "-m", "venv", str(UV)], capture_output=True, check=False)
    if made.returncode == 0:
        done = subprocess.call([str(UV / "bin" / "python"), *install])
    else:  # Debian without python3-venv
        shutil.rmtree(UV, ignore_errors=True)
        done = subprocess.call([PYTHON, *install, "--target", str(UV)])
    if done != 0:
        shutil.rmtree(UV, ignore_errors=True)
        fail(
            "uv could not be installed. The first start needs the network, and Python's venv or pip (Debian: apt install "
            "python3-venv); or install uv yourself: https://docs.astral.sh/uv/"
        )
    return str(UV / "bin" / "uv")


def fingerprint():
    """A hash of everything that decides what has to be in `.venv/`."""
    members = [TREE, TREE / "shared", TREE / "deploy" / "local", *sorted((TREE / "services").iterdir())]
    files = [TREE / "uv.lock", *(folder / "pyproject.toml" for folder in members)]
    told = [str(TREE), sys.base_prefix, sys.version, *(file.read_text("utf-8") for file in files if file.exists())]
    return hashlib.sha256("\0".join(told).encode()).hexdigest()


def installed_from():
    """The fingerprint of what was installed last, completely; None if the environment is missing or broken."""
    if not (VENV / "bin" / "python").exists() or not STAMP.exists():  # it may point at a Python that is gone
        return None
    return STAMP.read_text()


def install(uv):
    """Install what the lock file says, from the cache if it is all there."""
    say("Installing what uv.lock says into .venv/ …")
    os.environ.pop("VIRTUAL_ENV", None)  # of whoever calls us; uv would warn of it
    sync = [uv, "sync", "--locked", "--python", PYTHON]
    if subprocess.run([*sync, "--offline"], cwd=TREE, capture_output=True, check=False).returncode == 0:
        return
    if subprocess.call(sync, cwd=TREE) != 0:
        fail("the packages could not be installed, see above. (A first start needs the network.)")


def say(text):
    """One line."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def fail(text):
    """One line, and the end."""
    sys.stderr.write("error: " + text + "\n")
    sys.exit(1)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
