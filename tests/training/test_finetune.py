"""Fine-tuning: its parts, and the scripts as a user runs them."""

import json
import os
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from commands import check_mistakes, script
from paths import ROOT
from PIL import Image

import keras_effconv as ke
from keras_effconv import data
from keras_effconv.training import Evaluation, Recipe, blocks, recalibrate, train, unfreeze
from keras_effconv.training.checkpoint import restore
from keras_effconv.utils.files import replacing

# TensorFlow imports Keras by itself where it is installed: here neither can be found.
PLAIN_TENSORFLOW = """
import sys
sys.modules["keras"] = sys.modules["keras_effconv"] = None
import numpy as np, tensorflow as tf
served = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
out = served(image_bytes=tf.constant([open(path, "rb").read() for path in sys.argv[3:]]))
out = {name: value.numpy() for name, value in out.items() if name != "error"}
np.savez(sys.argv[2], **{**out, "labels": out["labels"].astype("S")})
"""


def paint(folder, count, seed=0):
    """Two classes that a network can tell apart, reddish and bluish noise."""
    rng = np.random.default_rng(seed)
    for name, colour in (("red", (200, 60, 60)), ("blue", (60, 60, 200))):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            noise = rng.integers(-50, 50, (40, 48, 3)) + colour
            Image.fromarray(noise.clip(0, 255).astype("uint8")).save(folder / name / f"{i}.jpg", quality=95)
    return folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A whole run on a folder, through the script."""
    folder = tmp_path_factory.mktemp("run")
    paint(folder / "data", 8)
    (folder / "data" / "blue" / "cut.jpg").write_bytes((folder / "data" / "red" / "0.jpg").read_bytes()[:200])
    flags = ["--image_size=32", "--epochs=2", "--unfreeze_blocks=1", "--augmentation=light"]
    done = script("finetune.py", f"--data_dir={folder / 'data'}", f"--output={folder / 'out'}", *flags)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder, done


def test_a_run_writes_what_it_says(finished):
    folder, done = finished
    out = folder / "out"
    for name in ("model.keras", "labels.txt", "report.json", "learning_curves.png", "predictions.png", "run.json"):
        assert (out / name).stat().st_size > 0
    assert (out / "serving" / "1" / "saved_model.pb").is_file()
    assert list((out / "logs").rglob("events*"))
    assert (out / "labels.txt").read_text().split() == ["blue", "red"]
    report = json.loads((out / "report.json").read_text())
    assert np.sum(report["confusion"]) == report["validation_images"]
    assert report["accuracy"] >= 0.7
    assert "accuracy" in done.stdout
    with Image.open(out / "predictions.png") as picture:
        assert picture.size[0] > 500
    assert not [path for path in out.iterdir() if path.name.startswith(".")]


def test_an_unreadable_file_is_one_warning(finished):
    folder, done = finished
    assert sum("cut.jpg" in line for line in done.stderr.splitlines()) == 1
    assert len(json.loads((folder / "out" / "report.json").read_text())["unreadable"]) == 1


def test_the_served_model_is_the_keras_model(finished, tmp_path):
    folder, _ = finished
    paths = sorted((folder / "data").rglob("[0-9].jpg"))[:6]
    code = [sys.executable, "-c", PLAIN_TENSORFLOW, folder / "out" / "serving" / "1", tmp_path / "out.npz", *paths]
    done = subprocess.run(list(map(str, code)), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    served = np.load(tmp_path / "out.npz")
    model = keras.models.load_model(folder / "out" / "model.keras")
    wanted = ke.preprocessing_for(model).preprocessing
    images = np.stack([data.decode(path.read_bytes(), wanted).numpy() for path in paths])
    expected = model.predict(images.astype("float32"), verbose=0)
    np.testing.assert_allclose(served["probabilities"], expected, atol=1e-4)
    names = np.array([b"blue", b"red"])
    np.testing.assert_array_equal(served["labels"], names[np.argsort(-expected, axis=1, kind="stable")])


def test_no_must_compile_node_is_exported(finished):
    folder, _ = finished
    assert b"_XlaMustCompile" not in (folder / "out" / "serving" / "1" / "saved_model.pb").read_bytes()


def test_predict_prints_the_best_classes(finished, tmp_path):
    folder, _ = finished
    (tmp_path / "no.jpg").write_text("no image")
    image = folder / "data" / "red" / "1.jpg"
    done = script("predict.py", image, tmp_path / "no.jpg", f"--model={folder / 'out' / 'model.keras'}")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0] == str(image)
    assert [line.split()[-1] for line in lines[1:]] in (["red", "blue"], ["blue", "red"])
    assert "no.jpg: " in done.stderr


def test_a_users_mistake_is_one_line_and_status_2(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    mistakes = {
        "--model=ResNeXt9000": "`model` must be one of",
        "--conv=Octave()": "`conv` must be a kind",
        "--weights=nowhere.h5": "`weights` must be",
        "--data_dir=nowhere": "nowhere",
        f"--data_dir={tmp_path}": "class",
        f"--data_dir={tmp_path}/none.csv": "none.csv",
        "--dataset=birdsnap": "wanted in the manual directory",
        "--augmentation=wild": "augmentation",
        "--epochs=many": "epochs",
        "--no_such_flag=1": "no_such_flag",
        "--validation_split=2": "validation_split",
    }
    output = f"--output={tmp_path / 'out'}"
    check_mistakes("finetune.py", [((output, flag), message) for flag, message in mistakes.items()])


def heed_interrupts():
    """What a shell starts in its background ignores SIGINT, and so do its children: as at a terminal again."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_interrupted_run_is_resumed(tmp_path):
    paint(tmp_path / "data", 12)
    # A small network: what is tested is the interruption.
    flags = [f"--data_dir={tmp_path / 'data'}", f"--output={tmp_path / 'out'}", "--image_size=32",
             "--epochs=25", "--batch_size=4", "--unfreeze_blocks=1", "--augmentation=none", "--model=ResNet20",
             "--weights=none"]  # fmt: skip
    command = [sys.executable, str(ROOT / "scripts" / "finetune.py"), *flags]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, preexec_fn=heed_interrupts
    )
    checkpoint = tmp_path / "out" / "checkpoint.npz"
    deadline = time.monotonic() + 150
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    assert checkpoint.exists(), process.communicate()[1][-2000:]
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr[-2000:]
    assert "--resume" in stderr
    before = restore(tmp_path / "out")
    assert len(before.curves["accuracy"]) == before.epoch
    wrong = script("finetune.py", *flags, "--resume", "--seed=5")
    assert (wrong.returncode, "seed=0" in wrong.stderr) == (2, True)
    done = script("finetune.py", *flags, "--resume")
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"resuming at epoch {before.epoch + 1} of 25, batch {before.step}" in done.stdout
    assert len(json.loads((tmp_path / "out" / "metrics.json").read_text())["accuracy"]) == 25


# --- parts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("conv", ["OctConv(alpha=0.25)", pytest.param("HetConv(parts=4)", marks=pytest.mark.slow)])
def test_other_kinds_start_warm(conv, tmp_path):
    weights = str(tmp_path / "plain.weights.h5")
    ke.ResNet20(weights=None).save_weights(weights)
    recipe = Recipe(model="ResNet20", weights=weights, conv=conv, image_size=32, epochs=1, augmentation="none")
    result = train(recipe, data.digits(32, limit=4), tmp_path / "out")
    assert result.load_report.approximate
    assert np.isfinite(result.curves["loss"]).all()


def test_recalibration_gives_the_statistics_of_the_data():
    image = keras.Input((6, 6, 3))
    model = keras.Model(image, keras.layers.BatchNormalization(name="bn")(image))
    rng = np.random.default_rng(0)
    split = data.Split(rng.integers(0, 255, (24, 6, 6, 3), "uint8"), np.zeros(24, "int32"), ("x",) * 24)
    recalibrate(model, data.Batches(split, 8))
    bn, pixels = model.get_layer("bn"), split.images.reshape(-1, 3).astype("float32")
    np.testing.assert_allclose(keras.ops.convert_to_numpy(bn.moving_mean), pixels.mean(0), rtol=1e-5)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(bn.moving_variance), pixels.var(0), rtol=0.02)
    assert bn.momentum == 0.99


def test_whole_blocks_are_unfrozen_from_the_end():
    model = ke.EfficientNetLite0(weights=None, input_shape=(32, 32, 3))
    assert unfreeze(model, 2) == ["block7a", "top"]
    trained = {layer.name for layer in model.layers if layer.trainable_weights}
    assert trained == {"block7a_expand_conv", "block7a_dwconv", "block7a_project_conv", "top_conv", "predictions"}
    assert unfreeze(model, 0) == []
    assert len(unfreeze(model, -1)) == len(blocks(model)) == 18
    assert not any(v.trainable for layer in model.layers if "_bn" in layer.name for v in layer.weights)


def test_evaluation_counts_by_class():
    scores = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    evaluation = Evaluation(scores, np.array([0, 1, 1]), ("a", "b"))
    assert evaluation.accuracy == pytest.approx(2 / 3)
    assert evaluation.confusion.tolist() == [[1, 0], [1, 1]]
    assert list(evaluation.rows()) == [("a", 1, 1, ""), ("b", 2, 1, "a (1)")]


def test_a_file_is_whole_or_as_it_was(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file.txt"]


def test_import_is_cheap():
    """Beyond what Keras imports: our own modules and a few of the standard library."""
    code = "import sys, keras; before = set(sys.modules); import keras_effconv; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    added = {name for name in done.stdout.split() if name.split(".")[0] != "keras_effconv"}
    assert not added - set(sys.stdlib_module_names)


QUICK_HELP = {"finetune", "predict"}  # each needs a process of its own, since flags are global
SCRIPTS = sorted(path.stem for path in (ROOT / "scripts").glob("*.py") if "__main__" in path.read_text())


@pytest.mark.parametrize(
    "script", [pytest.param(name, marks=[] if name in QUICK_HELP else [pytest.mark.slow]) for name in SCRIPTS]
)
def test_help_shows_the_flags(script):
    result = subprocess.run(
        [sys.executable, ROOT / "scripts" / f"{script}.py", "--help"], capture_output=True, text=True
    )
    assert f"{script}.py:" in result.stdout and "--" in result.stdout
    assert "Unknown command line flag" not in result.stderr


def test_a_run_that_fails_early_leaves_the_folder_of_another(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    result = subprocess.run(
        [sys.executable, ROOT / "scripts" / "finetune.py", "--weights=nothing.h5", f"--output={tmp_path}"],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2 and "`weights` must be" in result.stderr
    assert (tmp_path / "run.json").read_text() == "{}"
