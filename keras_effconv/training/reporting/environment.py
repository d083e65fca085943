"""Where and with what a run was made, so that it can be made again."""

import datetime
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import keras

PACKAGES = ("keras-effconv", "keras", "tensorflow", "jax", "numpy", "tensorflow-datasets")


def environment():
    """The command, versions, machine and git commit of this process.

    Returns:
        dict, fit for JSON; what is not known is `None`.

    Example:

    >>> sorted(environment())
    ['backend', 'command', 'commit', 'cores', 'machine', 'packages', 'python', 'time']
    """
    return {
        "command": sys.argv,
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "backend": keras.backend.backend(),
        "machine": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "commit": _commit(),
    }


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit():
    """The commit of this package's checkout, with "+" where files were changed; `None` outside of one."""
    git = shutil.which("git")
    options = {"cwd": Path(__file__).parent, "capture_output": True, "text": True, "timeout": 10}
    try:
        head = subprocess.run([git, "rev-parse", "HEAD"], check=True, **options).stdout.strip()
        changed = subprocess.run([git, "status", "--porcelain", "-uno"], check=True, **options).stdout.strip()
    except (OSError, TypeError, subprocess.SubprocessError):
        return None
    return head + ("+" if changed else "")


def check_folder(folder, needed):
    """Make a folder, and raise before any work is done where a run could not be written to it.

    Args:
        folder: path.
        needed: int, bytes.

    Raises:
        OSError: the folder cannot be made or written to, or the disk has too little room.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe-{os.getpid()}"
        probe.write_bytes(b"0" * 4096)
        probe.unlink()
    except OSError as error:
        raise OSError(f"expected a folder that can be written to, received {folder}: {error.strerror}") from None
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OSError(f"expected {needed >> 20} MiB free for the files of a run in {folder}, found {free >> 20} MiB")
