"""Files that are either whole or as they were."""

import contextlib
import csv
import dataclasses
import glob
import json
import os
import shutil
import tempfile
from pathlib import Path


@contextlib.contextmanager
def replacing(path):
    """Yield a temporary path next to `path` that replaces it when the block ends well, and is removed if it does not.

    Works for files and for directories; the suffix is kept, since Keras tells formats by it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    temporary = folder / path.name
    try:
        yield temporary
        if path.is_dir():
            os.replace(path, folder / "old")
        os.replace(temporary, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_unfinished(path):
    """Remove what processes that were killed in `replacing` have left next to `path`; no other may be at work."""
    for folder in Path(path).parent.glob(f".{glob.escape(Path(path).name)}.*"):
        shutil.rmtree(folder, ignore_errors=True)


def write_json(path, value):
    """Write a value as JSON."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def write_lines(path, lines):
    """Write lines of text."""
    with replacing(path) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def write_rows(path, rows):
    """Write dataclasses of one kind, one at least, as CSV: a column per field."""
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in dataclasses.fields(rows[0])])
        writer.writeheader()
        writer.writerows(map(dataclasses.asdict, rows))
