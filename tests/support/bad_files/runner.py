"""Gives bad files to the entries of the package, and prints what became of each, a line of JSON before and after it.

python -m bad_files.runner FOLDER ENTRY...
"""

import contextlib
import faulthandler
import gc
import json
import sys
import tempfile
import time
import warnings
from pathlib import Path

from bad_files import cases
from bad_files.entries import Entries

SECONDS = 60  # of one file, after which the process ends with a traceback
LENGTH = 700  # characters of an error, with the path of a temporary folder


def memory(field):
    """A number of this process in MB: VmRSS now, VmHWM at its highest since `reset`."""
    with contextlib.suppress(OSError), open("/proc/self/status") as file:
        for line in file:
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) / 1024
    return 0.0


def reset():
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def outcome(entry, path):
    """Return what became of a file: "refused", "read" or "fault", and the error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            entry(path)
    except (ValueError, OSError) as error:
        text = str(error)
        return ("fault" if "\n" in text or len(text) > LENGTH or not text else "refused"), text
    except Exception as error:
        return "fault", f"{type(error).__name__}: {error}"
    return "read", ""


def run(case, entries, folder, start):
    print(json.dumps({"begins": case.name}), flush=True)
    path = case.write(folder)
    reset()
    faulthandler.dump_traceback_later(SECONDS, exit=True)
    begun = time.process_time()  # the machine may be busy
    result, text = outcome(getattr(entries, case.entry), path)
    seconds = time.process_time() - begun
    faulthandler.cancel_dump_traceback_later()
    peak = memory("VmHWM") - start
    line = {"name": case.name, "entry": case.entry, "result": result, "text": text, "seconds": seconds, "peak": peak}
    print(json.dumps(line | {"harmless": case.harmless}), flush=True)


def main(folder, *names):
    entries, every = Entries(folder), cases()
    for name in names:  # what is made once is no file's
        with contextlib.suppress(Exception):
            getattr(entries, name)(Path(folder) / "photo.png")
    gc.collect()
    start = memory("VmRSS")
    for case in (case for name in names for case in every[name]):
        with tempfile.TemporaryDirectory(dir=folder) as inside:
            run(case, entries, Path(inside), start)


if __name__ == "__main__":
    main(*sys.argv[1:])
