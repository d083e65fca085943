"""`keras-effconv compare`: its rows, its report, and a tiny study with and without TensorFlow."""

import dataclasses
import hashlib
import json
import math
import os

import numpy as np
import pytest
from commands import process, statuses
from paths import ROOT

from keras_effconv import kinds
from keras_effconv.cli import compare, training_flags
from keras_effconv.cli import compare_report as report
from keras_effconv.cli import compare_rows as rows
from keras_effconv.cli.flags import Flags
from keras_effconv.training.recipe import Recipe

ROW = rows.Row(
    model="ResNet20", kind="Conv()", seed=0, distilled=False, best=0.9, last=0.8, head=math.nan, params=10, macs=1000,
    seconds=1.0, images_per_second=2.0, device="jax, cpu", classes=2, recipe="cifar-minutes", data="tiny", epochs=1,
    limit=0, image_size=32, dtype="float32", options="{}",
)  # fmt: skip
BLOCK = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("tensorflow", "tensorflow_datasets"):
            raise ImportError(f"{name} is blocked")
sys.meta_path.insert(0, Blocked())
"""


@pytest.fixture
def tiny(tmp_path):
    """Flags of a study that costs seconds: 16 images of two classes as pixels, a ResNet of three narrow blocks."""
    images = np.random.default_rng(0).integers(0, 256, (16, 32, 32, 3), np.uint8)
    (tmp_path / "tiny").mkdir()
    for name in ("train", "test"):
        np.savez(tmp_path / "tiny" / f"{name}.npz", images=images, labels=np.arange(16) % 2)
    options = json.dumps({"width": 0.25, "depth": 0.3})
    return [
        f"--data_dir={tmp_path / 'tiny'}", f"--output={tmp_path / 'out'}", f"--options={options}",
        "--epochs=1", "--batch_size=16",
    ]  # fmt: skip


def test_rows_of_several_files_are_read_as_they_were_written(tmp_path):
    other = dataclasses.replace(ROW, kind="HetConv(parts=2)", distilled=True, options='{"width": 0.25}', head=0.5)
    rows.append(tmp_path / "runs.csv", ROW)
    rows.append(tmp_path / "runs-b.csv", other)
    rows.append(tmp_path / "runs.csv", dataclasses.replace(ROW, seed=1))
    read = rows.read(tmp_path)
    assert [row.key for row in read] == [other.key, ROW.key, ("ResNet20", "Conv()", 1, False)]
    assert read[0] == other and math.isnan(read[1].head)
    (tmp_path / "runs-c.csv").write_text("model,kind\nResNet20,Conv()\n")
    with pytest.raises(ValueError, match=r"runs-c\.csv"):
        rows.read(tmp_path)


def test_a_row_counts_for_its_own_study_only():
    recipe = Recipe(model="ResNet20", weights=None, epochs=1)
    settings = rows.settings(recipe, "cifar-minutes", "tiny", None)
    assert rows.has([ROW], recipe, settings)
    assert not rows.has([ROW], dataclasses.replace(recipe, seed=1), settings)
    assert not rows.has([ROW], dataclasses.replace(recipe, teacher="model.keras"), settings)
    with pytest.raises(ValueError, match="epochs=1"):
        rows.has([ROW], recipe, {**settings, "epochs": 2})


def test_points_are_means_over_seeds_and_ratios_to_the_plain_network():
    half = {"kind": "HetConv(parts=2)", "macs": 500}
    found = report.points(
        [
            *(dataclasses.replace(ROW, seed=seed, last=last) for seed, last in ((0, 0.8), (1, 0.6))),
            dataclasses.replace(ROW, **half, last=0.5),
            dataclasses.replace(ROW, **half, last=0.7, distilled=True),
        ],
        {("ResNet20", "Conv()"): (4.0, 2.0), ("ResNet20", "HetConv(parts=2)"): (3.0, 1.0)},
    )
    assert [(p.kind, p.distilled, p.runs) for p in found] == [
        ("Conv()", False, 2), ("HetConv(parts=2)", False, 1), ("HetConv(parts=2)", True, 1),
    ]  # fmt: skip
    assert (found[0].accuracy, found[0].spread) == (pytest.approx(0.7), pytest.approx(0.02**0.5))
    assert (found[1].of_plain, found[1].spread) == ((0.5, 0.75, 0.5), 0.0)
    assert "| 70.0 ± 14.1 |" in report.table(found) and "| teacher | 1 | 70.0 |" in report.table(found)


@pytest.mark.long
def test_a_study_with_teachers_is_resumed_and_reported(tiny, tmp_path):
    flags = [*tiny, "--seeds=0", "--kinds=HetConv(parts=2);Conv()", "--distill"]
    calls = [
        flags,
        [*flags, "--name=again"],
        [*flags, "--epochs=2"],
        [*tiny, "--seeds=0", "--distill", "--kinds=Conv();HetConv(parts=0)"],
        [*tiny, "--seeds=one"],
        ["--report", "--repeats=3", tiny[1]],
        ["--report", f"--output={tmp_path / 'none'}"],
    ]
    ended = statuses("compare", calls)
    assert [status for status, _ in ended] == [0, 0, 2, 2, 2, 0, 2], ended
    assert "epochs=1" in ended[2][1][0] and "`parts`" in ended[3][1][0] and "`seeds`" in ended[4][1][0]
    out = tmp_path / "out"
    found = rows.read(out)
    assert [row.key[1:] for row in found] == [
        ("Conv()", 0, False), ("HetConv(parts=2)", 0, False), ("HetConv(parts=2)", 0, True),
    ]  # fmt: skip
    assert not (out / "runs-again.csv").exists()
    record = json.loads((out / "ResNet20-HetConv-parts-2-0-distilled" / "run.json").read_text())
    teacher = out / "ResNet20-Conv-0" / "model.keras"
    digest = hashlib.sha256(teacher.read_bytes()).hexdigest()[:16]
    assert record["teacher"] == f"model.keras, {teacher.stat().st_size} bytes, sha256 {digest}"
    assert found[1].macs < found[0].macs and all(0 <= row.last <= row.best <= 1 for row in found)
    assert sorted(p.name for p in (out / "ResNet20-Conv-0").iterdir()) == ["model.keras", "run.json"]
    assert (out / "report.md").read_text().count("| ResNet20 |") == 3
    assert (out / "accuracy.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.process
def test_a_study_on_jax_needs_no_tensorflow(tiny, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(BLOCK)
    environment = {"KERAS_BACKEND": "jax", "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    done = process("compare", *tiny, "--seeds=3", "--kinds=Conv()", "--name=jax", **environment)
    assert done.returncode == 0, done.stderr[-2000:]
    assert [row.device.split(",")[0] for row in rows.read(tmp_path / "out")] == ["jax"]


def test_a_kind_of_many_layers_has_a_folder_of_its_own(tmp_path):
    names = [f"conv{i}_block{j}" for i in range(2, 6) for j in range(1, 20)]
    recipes = [
        Recipe(conv=repr(kinds.ByLayer(layers=dict.fromkeys(names, kind)))) for kind in ("HetConv(2)", "HetConv(4)")
    ]
    folders = {compare.place(tmp_path, recipe) for recipe in recipes}
    assert len(folders) == 2 and all(len(folder.name) < 128 for folder in folders)


def test_a_recipe_keeps_what_the_file_of_a_kind_says(tmp_path):
    kind = kinds.ByLayer(layers={"conv3": "HetConv(parts=2)"})
    kinds.save(kind, tmp_path / "kinds.json")
    flags = Flags()
    training_flags.define_data(flags, "digits")
    training_flags.define_recipe(flags, "cifar-minutes")
    flags(["train", f"--conv=@{tmp_path / 'kinds.json'}"])
    assert training_flags.recipe_from(flags).conv == repr(kind)
