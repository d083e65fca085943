"""Where and with what a run was done, so that it can be repeated."""

import datetime
import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import keras

from keras_effconv.data.sources.origin import without_secrets

PACKAGES = ("keras-effconv", "keras", "tensorflow", "jax", "numpy", "tensorflow-datasets")


def environment():
    """Return the command, without passwords in addresses, versions, machine and git commit of this process.

    Returns:
        dict, fit for JSON; what is not known is `None`.

    Example:

    >>> sorted(environment())
    ['backend', 'command', 'commit', 'cores', 'machine', 'packages', 'python', 'time']
    """
    return {
        "command": [without_secrets(word) for word in sys.argv],
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
    """Return the commit of this package's checkout, with "+" if files were changed; `None` outside of one."""
    git = shutil.which("git")
    options = {"cwd": Path(__file__).parent, "capture_output": True, "text": True, "timeout": 10}
    try:
        head = subprocess.run([git, "rev-parse", "HEAD"], check=True, **options).stdout.strip()
        changed = subprocess.run([git, "status", "--porcelain", "-uno"], check=True, **options).stdout.strip()
    except (OSError, TypeError, subprocess.SubprocessError):
        return None
    return head + ("+" if changed else "")


def device():
    """Return `"cpu"` or `"gpu"`, and its name, of what the backend computes on first."""
    if keras.backend.backend() == "jax":
        import jax

        first = jax.devices()[0]
        return ("cpu", processor()) if first.platform == "cpu" else ("gpu", first.device_kind)
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return "cpu", processor()
    return "gpu", tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")


def processor():
    """Return the name of the processor."""
    cpuinfo = Path("/proc/cpuinfo")
    match = re.search(r"model name\s*:\s*(.+)", cpuinfo.read_text()) if cpuinfo.exists() else None
    return match[1].strip() if match else platform.processor() or platform.machine()


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
        text = f"`folder` must be a folder that can be written to. Received: folder={str(folder)!r}, {error.strerror}"
        raise OSError(text) from None
    free = shutil.disk_usage(folder).free
    if free < needed:
        text = f"`folder` must have {needed >> 20} MiB free for the files of a run"
        raise OSError(f"{text}. Received: folder={str(folder)!r} with {free >> 20} MiB")
