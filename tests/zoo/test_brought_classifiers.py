"""Weights as people bring them: their classifiers."""

import checkpoints
import numpy as np
import pytest
from checkpoints import saved, tensors, variables
from grid import NETWORKS
from reference import numpy
from safetensors.numpy import save_file

import keras_effconv as ke
from keras_effconv.zoo import pour


def with_head(network, names, classes=4):
    """A network's body with somebody's own classifier."""
    rng = np.random.default_rng(0)
    content = {key: value for key, value in variables(network).items() if not key.startswith("predictions")}
    rows = network.get_layer("predictions").kernel.shape[0]
    for name in names:
        content[f"{name}/kernel"], content[f"{name}/bias"] = rng.normal(size=(rows, classes)), np.zeros(classes)
    return {key: value.astype("f4") for key, value in content.items()}


HEADS = (["dense"], ["dense_1"], ["my_head"], ["fc"], ["hidden", "dense"])


@pytest.mark.parametrize("names", HEADS, ids="-".join)
def test_a_classifier_of_any_name_is_left_out_of_a_network_without_one(names, network, bodies, tmp_path):
    save_file(with_head(network, names), tmp_path / "own.safetensors")
    report = ke.load_weights(bodies["plain"], tmp_path / "own.safetensors")
    assert {name.split("/")[0] for name, _ in report.skipped} == set(names)
    np.testing.assert_array_equal(
        bodies["plain"].get_layer("conv1_conv").kernel, network.get_layer("conv1_conv").kernel
    )


def test_a_classifier_of_another_name_is_the_models_if_its_shapes_are(network, bodies, tmp_path):
    content = with_head(network, ["dense"], classes=5)
    save_file(content, tmp_path / "own.safetensors")
    report = ke.load_weights(bodies["five"], tmp_path / "own.safetensors")
    np.testing.assert_array_equal(bodies["five"].get_layer("predictions").kernel, content["dense/kernel"])
    assert ("predictions", "the file's dense") in report.adapted


@pytest.mark.parametrize("names", [[], ["dense"], ["predictions"]], ids=["none", "dense", "predictions"])
@pytest.mark.parametrize("kind", ["five", "sigmoid"])
def test_a_classifier_of_new_classes_is_new_and_reported(kind, names, network, bodies, tmp_path):
    """A file without a head, with one by another name, with one of other classes; softmax or sigmoid."""
    model = bodies[kind]
    before = numpy(model.get_layer("predictions").kernel).copy()
    save_file(with_head(network, names), tmp_path / "own.safetensors")
    report = ke.load_weights(model, tmp_path / "own.safetensors")
    np.testing.assert_array_equal(model.get_layer("predictions").kernel, before)
    assert any(layer == "predictions" and rule.startswith("new head") for layer, rule in report.adapted)


def test_a_file_without_a_classifier_into_the_usual_classes_lacks_it(network, tmp_path):
    model = ke.ResNet20(weights=None, width=0.25, depth=0.3)
    content = {key: value for key, value in variables(model).items() if not key.startswith("predictions")}
    with pytest.raises(ValueError, match="missing in the file: predictions/kernel"):
        pour(model, content)


def test_a_deeper_network_is_no_classifier(network, bodies):
    """Layers that are none of a classifier stay an error, also without the top."""
    content = {**with_head(network, ["dense"]), "conv2_block2_1_conv/kernel": np.ones((3, 3, 16, 16), "f4")}
    with pytest.raises(ValueError, match="unknown to the model: conv2_block2_1_conv/kernel"):
        pour(bodies["plain"], content)


def test_pretrained_weights_with_a_sigmoid_for_new_classes(network, arrays, tmp_path):
    path = saved(tmp_path / "a.pth", tensors(arrays))
    options = {**checkpoints.SMALL, "weights": path, "classes": 3, "classifier_activation": "sigmoid"}
    assert any("new head" in rule for _, rule in ke.ResNet18(**options).load_report.adapted)
    with pytest.raises(ValueError, match="`classifier_activation` must be `None` or 'softmax' with pretrained weights"):
        ke.ResNet18(**{**options, "classes": 1000})


def test_one_class_with_a_softmax_is_an_error_that_names_the_sigmoid():
    with pytest.raises(ValueError, match="must be 'sigmoid' or `None` with one class") as caught:
        ke.ResNet20(weights=None, classes=1)
    assert "\n" not in str(caught.value)
    for activation in ("sigmoid", None):
        model = ke.ResNet20(weights=None, classes=1, classifier_activation=activation, width=0.25, depth=0.3)
        assert model.output_shape == (None, 1)


@pytest.mark.parametrize("part", ["kernel", "bias"])
def test_a_classifier_whose_parts_are_of_other_classes_is_an_error(part, network, bodies):
    content = with_head(network, ["predictions"], classes=5)
    content[f"predictions/{part}"] = content[f"predictions/{part}"][..., :3]
    with pytest.raises(ValueError, match=f"of another shape: predictions/{part}"):
        pour(bodies["five"], content)


TWICE = {  # a network, what its file has of a variable, and another name that the producers give it
    "torch": ("ResNet20", "predictions/kernel", "linear.weight"),
    "qubvel": ("EfficientNetB0", "predictions/kernel", "probs/kernel"),
    "Keras' version 2": ("MobileNetV2", "predictions/kernel", "Logits/kernel"),
    "old depthwise kernels": ("MobileNet", "conv_dw_1/kernel", "conv_dw_1/depthwise_kernel"),
    "old normalizations": ("EfficientNetB0", "normalization/mean", "normalization_3/mean"),
    "Keras 1": ("VGG13", "block1_conv1/kernel", "block1_conv1_W_1"),
}


@pytest.mark.parametrize("first", [True, False], ids=["first", "last"])
@pytest.mark.parametrize("producer", TWICE)
def test_a_variable_under_two_names_is_an_error_that_says_both(producer, first, arrays, model, tmp_path):
    name, ours, other = TWICE[producer]
    if producer == "torch":
        content, ours = arrays, next(key for key in arrays if key.startswith(("fc.w", "linear.w")))
        other = "fc.weight" if ours == "linear.weight" else other
    else:
        model = next(row for row in NETWORKS if row.name == name).build()
        content = {key: np.asarray(value) for key, value in variables(model).items()}
    extra = {other: content[ours] + 1}
    content = {**extra, **content} if first else {**content, **extra}
    path = saved(tmp_path / "a.pth", tensors(content)) if producer == "torch" else tmp_path / "a.safetensors"
    if producer != "torch":
        save_file(content, path)
    with pytest.raises(ValueError, match="under one name") as caught:
        ke.load_weights(model, path)
    assert {ours, other} <= set(str(caught.value).split()) and "\n" not in str(caught.value)
    if "predictions" in str(caught.value):
        ke.load_weights(model, path, skip=["predictions/.*"])
