"""What would fail late fails first: nothing is computed, and nothing written, before."""

import dataclasses
from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf
from commands import check_mistakes
from small_runs import TINY, coloured, coloured_set
from weights import random_statistics

import keras_effconv as ke
from keras_effconv import data
from keras_effconv.training import run, train
from keras_effconv.training.reporting.outputs import check_outputs
from keras_effconv.training.teacher import load_teacher

LABELS = [0, 1, 2] * 3
GOOD = coloured_set(LABELS, LABELS)


def classifier(classes=3, size=32, activation="softmax"):
    image = keras.Input((size, size, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(image))
    return keras.Model(image, keras.layers.Dense(classes, activation=activation)(pooled))


def refused(match, tmp_path, recipe=TINY, dataset=GOOD, error=ValueError, **options):
    """Check that a run ends with an error before its network computes anything."""
    spent = mock.patch.object(run, "features", side_effect=AssertionError("work was spent"))
    with spent, pytest.raises(error, match=match):
        train(recipe, dataset, tmp_path / "out", **options)


@pytest.mark.parametrize(
    ("name", "message"),
    [("two\nlines", "one line of text"), ("end\n", "one line"), ("a\u2028b", "one line"), ("caf\udce9", "UTF-8")],
)
def test_names_that_labels_txt_cannot_hold(name, message, tmp_path):
    refused(message, tmp_path, dataset=dataclasses.replace(GOOD, class_names=("red", "green", name)))


def test_data_that_does_not_fit(tmp_path):
    refused("must have images of 48 pixels", tmp_path, dataclasses.replace(TINY, image_size=48))
    refused("must have labels of 2 classes", tmp_path, dataset=dataclasses.replace(GOOD, class_names=("a", "b")))
    refused("2 classes or more, each once", tmp_path, dataset=dataclasses.replace(GOOD, class_names=("a", "b", "a")))
    refused("images of 2 classes or more", tmp_path, dataset=coloured_set([1, 1], LABELS))
    refused("`dataset.test` must have an image", tmp_path, dataset=coloured_set(LABELS, LABELS, []))
    refused("`dataset.test` must have labels of 3", tmp_path, dataset=coloured_set(LABELS, LABELS, [3]))


def test_hidden_labels_of_a_test_split_are_told(tmp_path, capsys):
    hidden = data.Split(coloured([0, 1]).images, np.array([-1, -1], "int32"), ("a", "b"))
    result = train(
        dataclasses.replace(TINY, epochs=0, head_c=0), dataclasses.replace(GOOD, test=hidden), tmp_path, outputs=False
    )
    assert result.test is None
    assert "labels of the test images are hidden" in capsys.readouterr().out


def test_a_missing_package_is_known_before_training(tmp_path, monkeypatch):
    for module in ("sklearn.linear_model", "matplotlib.figure"):
        with monkeypatch.context() as patch:
            patch.setitem(__import__("sys").modules, module, None)
            refused(module, tmp_path, error=ImportError)


def test_a_folder_that_cannot_hold_the_files(tmp_path):
    for name, kind in (("serving", "folder"), ("logs", "folder"), ("serving/1", "folder"), ("model.keras", "file")):
        path = tmp_path / name.replace("/", "-") / name
        path.parent.mkdir(parents=True)
        path.mkdir() if kind == "file" else path.write_text("")
        with pytest.raises(ValueError, match=f"room for a {kind} {name}"):
            check_outputs(tmp_path / name.replace("/", "-"))


def test_a_disk_without_room_for_this_network(tmp_path, monkeypatch):
    usage = mock.Mock(free=(200 << 20) + 1)
    monkeypatch.setattr("keras_effconv.training.checks.COPIES", 10**6)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    refused("MiB free", tmp_path, error=OSError)


@pytest.mark.parametrize(
    ("teacher", "message"),
    [
        (lambda: classifier(classes=4), r"must have the 3 classes of the data.*with 4"),
        (lambda: classifier(activation=None), "must return probabilities"),
    ],
)
def test_a_teacher_that_cannot_teach(teacher, message, tmp_path):
    """Teachers of other classes, and of logits."""
    teacher().save(tmp_path / "teacher.keras")
    refused(message, tmp_path, dataclasses.replace(TINY, teacher=str(tmp_path / "teacher.keras")))


def test_a_teacher_sees_the_images_at_its_own_size(tmp_path, capsys):
    """What it says of an image is what it says of this image in more pixels, or fewer."""
    image = keras.Input((40, 40, 3))
    flat = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    model = keras.Model(image, keras.layers.Dense(3, activation="softmax")(flat))
    model.save(tmp_path / "teacher.keras")
    images = coloured(LABELS).images.astype("float32")
    larger = tf.image.resize(images, (40, 40), "bicubic", antialias=True).numpy().clip(0, 255)
    teacher = load_teacher(tmp_path / "teacher.keras", (32, 48), ("red", "green", "blue"))
    assert "the teacher sees the images at its own size, 40 x 40 pixels" in capsys.readouterr().out
    np.testing.assert_allclose(teacher(images), model.predict(larger, verbose=0), atol=1e-4)
    np.testing.assert_allclose(teacher(larger), model.predict(larger, verbose=0), atol=1e-6)
    recipe = dataclasses.replace(TINY, teacher=str(tmp_path / "teacher.keras"))
    result = train(recipe, GOOD, tmp_path / "run", outputs=False)
    assert np.isfinite(result.curves["loss"]).all()


def of_any_size():
    trunk = ke.ResNet20(weights=None, include_top=False, pooling="avg", input_shape=(None, None, 3), depth=0.3)
    return keras.Model(trunk.input, keras.layers.Dense(3, activation="softmax")(trunk.output))


@pytest.mark.parametrize(
    "make",
    [
        lambda: ke.ResNet20(weights=None, classes=3, input_shape=(32, 32, 3), depth=0.3),
        of_any_size,
        lambda: ke.MobileNet(weights=None, classes=3, input_shape=(32, 32, 3), alpha=0.25),
        lambda: ke.EfficientNetLite0(weights=None, classes=3, input_shape=(32, 32, 3), width=0.25, depth=0.3),
    ],
    ids=["numbers outside", "of any size", "-1 to 1", "inside"],
)
def test_a_teacher_sees_the_numbers_that_it_wants(make, tmp_path):
    network = random_statistics(make())
    network.save(tmp_path / "teacher.keras")
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype("float32")
    wanted = network(ke.preprocessing_for(network).preprocessing.at(32).layer()(images))
    np.testing.assert_allclose(load_teacher(tmp_path / "teacher.keras", (32,))(images), wanted, atol=1e-6)


def test_a_teacher_of_somebody_else_reads_pixels(tmp_path, capsys):
    model = classifier()
    model.save(tmp_path / "teacher.keras")
    images = coloured(LABELS).images.astype("float32")
    np.testing.assert_allclose(load_teacher(tmp_path / "teacher.keras", (32,))(images), model(images), atol=1e-6)
    assert "taken to read RGB images 0..255" in capsys.readouterr().out


def test_a_broken_teacher_is_one_line(tmp_path):
    classifier().save(tmp_path / "whole.keras")
    content = (tmp_path / "whole.keras").read_bytes()
    (tmp_path / "cut.keras").write_bytes(content[:500])
    (tmp_path / "wrong.keras").write_bytes(content[:2000] + b"\0" * 2000 + content[4000:])
    for name in ("cut", "wrong"):
        recipe = dataclasses.replace(TINY, teacher=str(tmp_path / f"{name}.keras"))
        refused("`teacher` must be", tmp_path, recipe)
    flags = ("--model=ResNet20", "--weights=none", "--image_size=32", f"--output={tmp_path / 'out'}", "--limit=1")
    check_mistakes("finetune", [((f"--teacher={tmp_path / 'cut.keras'}", *flags), "`teacher` must be")])
    assert not (tmp_path / "out").exists()


def test_a_teachers_classes_are_matched_by_name(tmp_path, capsys):
    """A teacher of another order, with labels.txt next to it: it says the same of an image."""
    model = classifier()
    model.save(tmp_path / "teacher.keras")
    (tmp_path / "labels.txt").write_text(
        "blue\r\nred\r\ngreen\r\n", encoding="utf-8-sig"
    )  # as an editor on Windows does
    images = coloured(LABELS).images.astype("float32")
    teacher = load_teacher(tmp_path / "teacher.keras", (32,), ("red", "green", "blue"))
    np.testing.assert_allclose(teacher(images), model.predict(images, verbose=0)[:, [1, 2, 0]], rtol=1e-5)
    assert "another order: matched by name" in capsys.readouterr().out
    (tmp_path / "labels.txt").write_text("blue\nred\n")
    with pytest.raises(ValueError, match=r"a name for each of its 3 classes in labels.txt.*with 2"):
        load_teacher(tmp_path / "teacher.keras", (32,), ("red", "green", "blue"))
    (tmp_path / "labels.txt").unlink()
    assert load_teacher(tmp_path / "teacher.keras", (32,), ("red", "green", "blue")).order is None
    assert "taken in the order of the data's" in capsys.readouterr().out
    (tmp_path / "labels.txt").write_text("blue\nred\ngreen\n")
    with pytest.raises(ValueError, match="1 of 3 that it does not know: 'rose'"):
        load_teacher(tmp_path / "teacher.keras", (32,), ("rose", "green", "blue"))
