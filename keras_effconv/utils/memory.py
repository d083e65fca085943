"""How much memory there is for more."""

from pathlib import Path

from keras_effconv.utils.extras import require

CONTROL_GROUP = Path("/sys/fs/cgroup")


def free_memory() -> int:
    """Return the bytes of main memory that this process may still take: those of the machine, or of its container.

    Raises:
        ImportError: psutil is missing.
    """
    free = require("psutil").virtual_memory().available
    limit, used = (_number(CONTROL_GROUP / name) for name in ("memory.max", "memory.current"))
    return free if limit is None or used is None else min(free, max(0, limit - used))


def _number(path):
    """Return the number in a file of the control group; `None` if there is none, or `max`, which sets no limit."""
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None
