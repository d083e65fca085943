"""Parts of fine-tuning: warm starts, batch statistics, blocks that thaw, evaluation by class."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_effconv as ke
from keras_effconv import data
from keras_effconv.training import Evaluation, Recipe, blocks, recalibrate, train, unfreeze
from keras_effconv.utils.files import replacing


@pytest.mark.long
@pytest.mark.parametrize("conv", ["OctConv(alpha=0.25)", pytest.param("HetConv(parts=4)", marks=pytest.mark.slow)])
def test_other_kinds_start_warm(conv, tmp_path):
    weights = str(tmp_path / "plain.weights.h5")
    ke.ResNet20(weights=None).save_weights(weights)
    recipe = Recipe(model="ResNet20", weights=weights, conv=conv, image_size=32, epochs=1, augmentation="none")
    result = train(recipe, data.digits(32, limit=4), tmp_path / "out", outputs=False)
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
    assert unfreeze(model, 2) == ["block7a", "end"]
    trained = {layer.name for layer in model.layers if layer.trainable_weights}
    assert trained == {"block7a_expand_conv", "block7a_project_conv", "top_conv", "predictions"}
    unfreeze(model, 2, freeze_depthwise=False)
    assert trained | {"block7a_dwconv"} == {layer.name for layer in model.layers if layer.trainable_weights}
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


@pytest.mark.process
def test_import_is_cheap():
    """Beyond what Keras imports: our own modules and a few of the standard library."""
    code = "import sys, keras; before = set(sys.modules); import keras_effconv; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    added = {name for name in done.stdout.split() if name.split(".")[0] != "keras_effconv"}
    assert not added - set(sys.stdlib_module_names)
