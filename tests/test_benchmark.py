"""What scripts/benchmark.py makes of its times, and the script as a whole."""

import csv
from types import SimpleNamespace

import benchmark_report as report
import benchmark_runs as runs
import numpy as np
import pytest

from scripts import check_mistakes, script

TIMES = {
    ("keras.applications", "keras"): [0.4, 0.4, 0.4, 0.4],
    ("Conv()", "graph"): [0.1, 0.2, 0.2, 0.9],
    ("HetConv(parts=4)", "graph"): [0.1, 0.1, 0.1, 0.1],
}
COUNTED = SimpleNamespace(macs=10**9, macs_executed=2 * 10**9)


def rows():
    return [runs._row("Net", key, 4, TIMES, COUNTED, peak=160e9) for key in TIMES]


def test_a_row_is_of_the_median():
    keras, plain, het = rows()
    assert (plain.seconds, plain.images_per_second) == (pytest.approx(0.2), pytest.approx(20))
    assert (het.over_plain, het.over_keras) == (pytest.approx(0.5), pytest.approx(0.25))
    assert np.isnan(keras.over_plain) and keras.over_keras == 1
    assert (het.gmacs, het.of_peak) == (pytest.approx(80), pytest.approx(0.5))  # of those executed
    assert het.spread == 0 < plain.spread


def test_the_calls_take_turns():
    seen = []
    found = runs.in_turns({name: lambda x, name=name: seen.append(name) for name in "ab"}, None, 5, "")
    assert seen == list("ab") * (5 + runs.WARM_UP)
    assert {name: len(seconds) for name, seconds in found.items()} == {"a": 5, "b": 5}


def test_the_report_is_written_whole(tmp_path):
    report.write(rows(), tmp_path / "out")
    with (tmp_path / "out" / "benchmark.csv").open(newline="") as file:
        assert [row["kind"] for row in csv.DictReader(file)] == ["keras.applications", "Conv()", "HetConv(parts=4)"]
    assert (tmp_path / "out" / "benchmark.png").read_bytes().startswith(b"\x89PNG")
    assert report.table(rows()).splitlines()[-1].split(" | ")[-2:] == ["0.50", "0.25 |"]


@pytest.mark.slow
def test_the_script_measures_and_refuses(tmp_path):
    flags = ["--models=ResNet20", "--kinds=Conv();HetConv(parts=4)", "--batch_sizes=1", "--repeats=3"]
    done = script("benchmark.py", *flags, "--runtimes=graph,deployed,onnx", "--output=out", folder=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("| ResNet20 |") == 6
    assert (tmp_path / "out" / "benchmark.csv").is_file()
    wrong = {
        "--runtimes=abacus": "`runtimes` must be",
        "--models=Net": "`model` must be",
        "--batch_sizes=0": "positive",
    }
    check_mistakes("benchmark.py", [((flag,), message) for flag, message in wrong.items()])
