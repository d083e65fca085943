"""Weights as people bring them: their classifiers."""

import checkpoints
import keras
import numpy as np
import pytest
from checkpoints import saved, tensors, variables
from grid import NETWORKS
from keras import layers
from reference import numpy
from safetensors.numpy import save_file
from weights import random_weights

import keras_effconv as ke
from keras_effconv.zoo import pour, writers


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


CLASSES = {"our name": "predictions", "another name": "dense"}


@pytest.mark.parametrize("chosen", [[4, 2, 0, 1, 3], [9, 8, 7, 6, 5]], ids=["permuted", "some"])
@pytest.mark.parametrize("head", CLASSES)
@pytest.mark.parametrize("count", [5, 10])
def test_classes_are_selected_by_whatever_name(count, head, chosen, network, bodies, tmp_path):
    """The head of the file is never made anew where the user says which of its classes are wanted."""
    content = with_head(network, [CLASSES[head]], classes=count)
    save_file(content, tmp_path / "own.safetensors")
    if max(chosen) >= count:
        with pytest.raises(ValueError, match="`classes` must be indices of 0 to 4"):
            ke.load_weights(bodies["five"], tmp_path / "own.safetensors", classes=chosen)
        return
    report = ke.load_weights(bodies["five"], tmp_path / "own.safetensors", classes=chosen)
    np.testing.assert_array_equal(
        bodies["five"].get_layer("predictions").kernel, content[f"{CLASSES[head]}/kernel"][:, chosen]
    )
    assert ("predictions", f"5 of the file's {count} classes") in report.adapted


REFUSED = {  # heads of the file, the model, classes, the error
    "too many": (["predictions"], "five", range(6), "`classes` must be 5 indices, one for each class"),
    "too few": (["dense"], "five", [1], "`classes` must be 5 indices"),
    "texts": (["dense"], "five", list("abcde"), "`classes` must be 5 indices"),
    "a number": (["dense"], "five", 5, "`classes` must be 5 indices"),
    "below 0": (["dense"], "five", range(-1, 4), "`classes` must be indices of 0 to 9"),
    "a file without a head": ([], "five", range(5), "`classes` must be for a file with one classifier.* none of"),
    "two heads": (["dense", "fc"], "five", range(5), "`classes` must be for .* one classifier.* several: dense, fc"),
    "a model without a head": (["dense"], "plain", range(5), "`classes` must be None, since no classifier"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_classes_without_a_choice_are_an_error(what, network, bodies, tmp_path):
    names, kind, chosen, message = REFUSED[what]
    save_file(with_head(network, names, classes=10), tmp_path / "own.safetensors")
    before = [numpy(v).copy() for v in bodies[kind].weights]
    with pytest.raises(ValueError, match=message) as caught:
        ke.load_weights(bodies[kind], tmp_path / "own.safetensors", classes=chosen)
    assert "Received: " in str(caught.value) and "\n" not in str(caught.value)
    for old, v in zip(before, bodies[kind].weights, strict=True):
        np.testing.assert_array_equal(old, v)


def built_on(body, form, classes=4, name="dense"):
    """A classifier on a network of ours, as a user makes one."""
    if form == "functional":
        return keras.Model(body.input, layers.Dense(classes, name=name)(body.output))
    return keras.Sequential([keras.Input((32, 32, 3)), body, layers.Dense(classes, name=name)])


@pytest.mark.parametrize("form", ["functional", "sequential"])
@pytest.mark.parametrize("suffix", [".weights.h5", ".keras", ".h5", ".safetensors"])
@pytest.mark.parametrize("name", ["dense", "predictions"])
def test_a_classifier_around_our_network_loads_into_the_same_model(name, suffix, form, tmp_path):
    body = random_weights(checkpoints.small_resnet(include_top=False, pooling="avg"))
    model, path = built_on(body, form, name=name), tmp_path / f"a{suffix}"
    model.save(path) if suffix == ".h5" else writers.write(model, path)
    same = built_on(checkpoints.small_resnet(include_top=False, pooling="avg"), form, name=name)
    report = ke.load_weights(same, path)
    for ours, theirs in zip(same.weights, model.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert not report.skipped and not report.adapted
    if name == "predictions":
        return
    other = built_on(checkpoints.small_resnet(include_top=False, pooling="avg"), form, classes=3)
    before = numpy(other.get_layer("dense").kernel).copy()
    report = ke.load_weights(other, path)
    np.testing.assert_array_equal(other.get_layer("dense").kernel, before)
    np.testing.assert_array_equal(other.weights[0], model.weights[0])
    assert ("dense", "left as it is: the file's is of another shape") in report.adapted
    assert {reason for _, reason in report.skipped} == {"the model's layer is of another shape"}


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
