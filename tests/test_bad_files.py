"""Files that somebody made to do harm: each is one clear error, in little memory and time, wherever it is given.

`tests/support/bad_files` writes the files: weights, whole models, archives, tables, records, images and exports.
"""

import json
import os
import subprocess
import sys

import pytest
from paths import ROOT

MEMORY, SECONDS = 600, 10  # MB above the start of a process, and of its processor's time for a file
PROCESSES = {
    "weights and data": ("weights", "unpack", "data", "checkpoint", "outputs", "record", "export"),
    "models and images": ("model", "labels", "image"),
}
LEAST = 200  # files in all


def rows_of(entries, folder):
    """What became of each file, in a process of its own; one that ends or hangs names its file."""
    done = subprocess.run(
        [sys.executable, "-m", "bad_files.runner", str(folder), *entries],
        capture_output=True,
        text=True,
        cwd=ROOT / "tests" / "support",
        timeout=500,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests' / 'support'}"},
    )
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    last = rows[-1].get("begins", "") if rows else "its start"
    assert done.returncode == 0, f"status {done.returncode} at {last!r}: {done.stderr[-3000:]}"
    return [row for row in rows if "name" in row]


@pytest.mark.process
@pytest.mark.parametrize("kind", PROCESSES)
def test_each_bad_file_is_one_clear_error(kind, tmp_path):
    rows = rows_of(PROCESSES[kind], tmp_path)
    assert {row["entry"] for row in rows} == set(PROCESSES[kind])
    wrong = [row for row in rows if row["result"] == "fault" or (row["result"] == "read" and not row["harmless"])]
    assert not wrong, wrong[:5]
    large = [row for row in rows if row["peak"] > MEMORY or row["seconds"] > SECONDS]
    assert not large, large[:5]
    assert not list(tmp_path.parent.rglob("evil*"))


def test_the_files_are_many_and_each_has_a_name():
    from bad_files import cases

    every = cases()
    names = [case.name for each in every.values() for case in each]
    assert set(every) == {entry for entries in PROCESSES.values() for entry in entries}
    assert len(names) == len(set(names)) >= LEAST
