"""What scripts/benchmarks/networks.py makes of its times, and the script as a whole."""

import csv
from pathlib import Path
from types import SimpleNamespace

import keras
import memory
import numpy as np
import plots as pictures
import pytest
import report
import runs
from commands import process
from profile_layers import profile
from runtimes import RUNTIMES
from tiny_family import published

import keras_effconv as ke
from keras_effconv.cli import timing

TIMES = {
    ("keras.applications", "keras"): [0.4, 0.4, 0.4, 0.4],
    ("Conv()", "graph"): [0.1, 0.2, 0.2, 0.9],
    ("HetConv(parts=4)", "graph"): [0.1, 0.1, 0.1, 0.1],
    ("Conv()", "onnx"): [0.16, 0.16, 0.16, 0.16],
    ("HetConv(parts=8)", "graph"): [0.05, 0.05, 0.05, 0.05],
    ("keras.applications", "keras-train"): [2, 2, 2, 2],
    ("Conv()", "train"): [1, 1, 1, 1],
}
MACS = {"HetConv(parts=4)": 3 * 10**8, "HetConv(parts=8)": 2 * 10**8}


def rows():
    return [runs._row("Net", key, 4, TIMES, counted(key[0]), 160, 2**20) for key in TIMES]


def counted(kind):
    macs = MACS.get(kind, 10**9)
    return SimpleNamespace(macs=macs, macs_executed=2 * macs)


def test_a_row_is_of_the_median():
    theirs, plain, het, *_, their_step, train = rows()
    assert (plain.seconds, plain.images_per_second, plain.milliseconds) == pytest.approx((0.2, 20, 50))
    assert (het.over_plain, het.over_keras) == pytest.approx((0.5, 0.25))
    assert np.isnan(theirs.over_plain) and theirs.over_keras == 1
    assert (plain.gmacs, plain.of_peak) == pytest.approx((40, 0.25))  # of those executed
    assert het.spread == 0 < plain.spread
    assert (train.over_keras, train.over_plain, their_step.over_keras) == (0.5, 1, 1)  # steps beside steps
    assert train.gmacs == pytest.approx(3 * 2 * 4)  # forward, and two for each backward


@pytest.mark.long
def test_the_calls_take_turns():
    seen = []
    seconds_of = timing.in_turns({name: lambda x, name=name: seen.append(name) for name in "ab"}, None, 5, "")
    assert seen == list("ab") * (5 + timing.WARM_UP)
    assert {name: len(seconds) for name, seconds in seconds_of.items()} == {"a": 5, "b": 5}


def test_the_fastest_runtime_beside_the_fastest():
    times = {**TIMES, ("HetConv(parts=4)", "onnx-int8"): [0.05] * 4, ("Conv()", "openvino-int8"): [0.08] * 4}
    measured = [runs._row("Net", key, 4, times, counted(key[0]), 160, 2**20) for key in times]
    lines = [[cell.strip() for cell in line.split("|")[3:-1]] for line in report.best(measured).splitlines()[2:]]
    assert lines == [  # neither keras.applications nor steps of training
        ["`HetConv(parts=4)`", "float32", "graph", "25.00", "0.62", "0.62", "0.25"],
        ["`Conv()`", "float32", "onnx", "40.00", "1.00", "1.00", "0.40"],
        ["`HetConv(parts=8)`", "float32", "graph", "12.50", "0.31", "0.31", "0.12"],
        ["`HetConv(parts=4)`", "int8", "onnx-int8", "12.50", "0.62", "0.31", "0.12"],
        ["`Conv()`", "int8", "openvino-int8", "20.00", "1.00", "0.50", "0.20"],
    ]
    assert report.best(rows()[-2:]) == ""


def test_a_sweep_has_the_limit_of_its_macs():
    curves = pictures.swept(rows(), "parts")
    assert list(curves) == ["graph"]
    np.testing.assert_allclose(curves["graph"], [(1, 1, 1), (4, 2, 10 / 3), (8, 4, 5)])
    assert pictures.swept(rows(), "alpha") == {}
    kinds = ("HetConv(parts=4)", "HetConv(parts=4, layout='shifted')", "PC()", "HetConv(parts=((1, 2), (4, 4)))")
    assert [pictures.value_of(kind, ke.HetConv, "parts") for kind in (*kinds, "Conv()")] == [4, *[None] * 4]


def test_the_report_is_written_whole(tmp_path):
    paths = report.write(rows(), tmp_path / "out")
    with (tmp_path / "out" / "benchmark.csv").open(newline="") as file:
        assert [row["kind"] for row in csv.DictReader(file)] == [kind for kind, _ in TIMES]
    assert [path.name for path in paths] == ["benchmark.png", "benchmark-parts.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)
    assert report.table(rows()).splitlines()[4].split(" | ")[-2:] == ["0.50", "0.25 |"]


def test_a_section_is_replaced_and_no_other(tmp_path):
    document, paths = tmp_path / "benchmarks.md", [Path("benchmarks-b.png"), Path("benchmarks-b-parts.png")]
    document.write_text(
        "# x\n<!-- benchmark a -->\n1\n<!-- /benchmark a -->\n<!-- benchmark b -->\n<!-- /benchmark b -->\n"
    )
    for machine in ("old", r"new \1"):
        report.fill("b", report.section("python x", machine, ["| t |\n", ""], paths), document)
    text = document.read_text()
    assert text.startswith("# x\n<!-- benchmark a -->\n1\n<!-- /benchmark a -->\n<!-- benchmark b -->\n")
    assert text.endswith("](benchmarks-b-parts.png)\n\n<!-- /benchmark b -->\n")
    assert "old" not in text and r"new \1." in text and "```bash\npython x\n```" in text
    with pytest.raises(ValueError, match="`section` must be one of benchmark a, benchmark b"):
        report.fill("c", "", document)


def test_the_document_has_its_sections():
    for name in ("vgg16", "resnet50", "efficientnetb0", "training-step"):
        report.check_section(name)


@pytest.mark.process
def test_networks_are_stored_once(tmp_path):
    paths, counts = runs.store("MobileNet", [ke.Conv()], ("keras", "graph", "train"), (32, 32, 3), tmp_path)
    assert paths["Conv()", "graph"] == paths["Conv()", "train"] != paths["keras.applications", "keras"]
    assert counts["keras.applications"].macs == counts["Conv()"].macs > 0
    paths, _ = runs.store("ResNet20", [ke.Conv()], ("keras", "graph"), (32, 32, 3), tmp_path / "2")
    assert list(paths) == [("Conv()", "graph")]  # keras.applications has none


def test_each_runtime_of_keras_computes(tmp_path):
    image = keras.Input((8, 8, 3))
    x = keras.layers.BatchNormalization()(keras.layers.Conv2D(4, 3)(image))
    x = keras.layers.Dense(3, activation="softmax")(keras.layers.Flatten()(x))
    model, images = keras.Model(image, x), np.random.default_rng(0).uniform(0, 1, (2, 8, 8, 3)).astype("float32")
    for name in ("keras", "graph", "deployed"):
        run = RUNTIMES[name].load(RUNTIMES[name].save(model, tmp_path))
        np.testing.assert_allclose(run(images), model(images), atol=1e-5)
    assert np.isfinite(RUNTIMES["train"].load(RUNTIMES["train"].save(model, tmp_path))(images))
    assert [path.name for path in sorted(tmp_path.rglob("*.keras"))] == ["model.keras"] * 2  # one deployed


@pytest.mark.long
def test_each_layer_is_timed_beside_its_twin():
    with published():
        lines = profile("Tiny", ke.OctConv(alpha=0.5), 1, 0, 3).splitlines()
    layers = {line.split(" | ")[0]: line.split(" | ")[1:] for line in lines[4:]}
    assert len(layers) == 2 + 1 + 1  # convolutions, the dense layer, the sum
    assert any("+" in cells[0] for cells in layers.values())  # reads two bands


@pytest.mark.skipif(not memory.RESET.exists(), reason="Linux tells memory")
def test_the_peak_of_memory_is_that_since_it_was_forgotten():
    size = 1 << 27
    block = np.ones(size, "uint8")
    before, held = memory.resident("VmHWM"), memory.resident()
    del block
    memory.forget_peak()
    assert before >= held
    assert memory.resident("VmHWM") < held - size / 2


@pytest.mark.slow
def test_the_script_measures_and_refuses(tmp_path):
    flags = ["--models=ResNet20", "--kinds=Conv();HetConv(parts=4)", "--batch_sizes=1", "--repeats=3"]
    done = process(
        "scripts/benchmarks/networks.py",
        *flags,
        "--runtimes=graph,onnx,train",
        "--output=out",
        folder=tmp_path,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("| ResNet20 |") == 6 + 2  # and the fastest of each kind
    with (tmp_path / "out" / "benchmark.csv").open(newline="") as file:
        memory = {(row["kind"], row["runtime"]): float(row["memory"]) for row in csv.DictReader(file)}
    assert all(bytes > 2**20 for bytes in memory.values())
    wrong = {
        "--runtimes=abacus": "`runtimes` must be",
        "--models=Net": "`model` must be",
        "--batch_sizes=0": "positive",
        "--section=x": "`section` must be one of benchmark vgg16",
    }
    for flag, message in wrong.items():
        done = process("scripts/benchmarks/networks.py", flag)
        last = done.stderr.splitlines()[-1]
        assert done.returncode == 2 and last.startswith("networks.py: ") and message in last
