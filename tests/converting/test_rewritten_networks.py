"""The networks of `keras.applications` in other kinds of convolution."""

import keras
import numpy as np
import pytest
from weights import random_statistics, run

import keras_effconv as ke
from keras_effconv.converting.rewriting.rewritten import rewritten
from keras_effconv.inference.compare import difference

# The least sizes at which each is built.
NETWORKS = {
    "VGG16": 32,
    "MobileNetV3Small": 40,
    "ResNet50": 47,
    "ResNet50V2": 32,
    "MobileNetV2": 33,
    "EfficientNetB0": 32,
    "DenseNet121": 32,
    "InceptionV3": 75,
    "Xception": 71,
    "NASNetMobile": 40,
}
KINDS = (ke.OctConv(alpha=0.5), ke.OctConv(alpha=0.25), ke.HetConv(parts=2), ke.HetConv(parts=3), ke.Conv())


def covering():
    """Every network with every kind; all but a few take minutes."""
    for network in NETWORKS:
        for kind in KINDS:
            quick = (network, kind) in ((("MobileNetV3Small"), KINDS[0]), ("VGG16", KINDS[3]), ("ResNet50", KINDS[0]))
            yield pytest.param(network, kind, id=f"{network}-{kind!r}", marks=[pytest.mark.slow] * (not quick))


@pytest.mark.long
@pytest.mark.parametrize(("network", "kind"), list(covering()))
def test_a_network_of_keras_is_rewritten(network, kind, tmp_path):
    size = {"input_shape": (NETWORKS[network],) * 2 + (3,), "weights": None}
    model = random_statistics(getattr(keras.applications, network)(include_top=False, pooling="avg", **size))
    result = rewritten(model, kind)
    convolutions = {layer.name for layer in model.layers if "Conv" in type(layer).__name__}
    assert convolutions <= result.kinds.keys() | result.left.keys()
    image = np.random.default_rng(0).normal(size=(1, *model.input_shape[1:])).astype("float32")
    outputs = run(result.model, image)
    assert outputs.shape == (1, model.output_shape[-1]) and np.isfinite(outputs).all()
    if kind == ke.Conv():
        assert not result.kinds
        assert np.array_equal(outputs, run(model, image))
    if "Oct" in repr(kind):
        assert len(result.kinds) >= 0.3 * len(convolutions)
    result.model.save(tmp_path / "model.keras")
    assert difference(result.model, keras.models.load_model(tmp_path / "model.keras")) == 0
    assert ke.deploy(result.model).deploy_report.max_difference < 1e-4
