"""Weights as people bring them: damaged values, names, files of Keras."""

import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from checkpoints import assert_same_weights, saved, small_resnet, tensors, variables
from reference import numpy
from safetensors.numpy import save_file
from weights import random_weights

import keras_effconv as ke
from keras_effconv.zoo import writers


def spoilt(value, how):
    value = value.copy()
    if how == "int8":
        return value.astype("i1")
    value.flat[:2] = {"NaN": np.nan, "inf": np.inf, "negative": -1.0}[how]
    return value


@pytest.mark.parametrize(
    ("name", "how", "message"),
    [
        ("layer1.0.conv1.weight", "NaN", r"finite real numbers .*layer1\.0\.conv1\.weight \(2 NaN of 2,304\)"),
        ("layer1.0.conv1.weight", "inf", r"finite real numbers .*layer1\.0\.conv1\.weight \(2 infinite of 2,304\)"),
        ("bn1.running_var", "negative", r"variances of 0 and more .*bn1\.running_var \(2 of 16\)"),
        ("layer1.0.conv1.weight", "int8", r"not those of a quantised network .*layer1\.0\.conv1\.weight \(int8\)"),
    ],
)
def test_values_that_no_trained_network_has_are_an_error(name, how, message, arrays, model, tmp_path):
    path = saved(tmp_path / "a.pth", tensors({**arrays, name: spoilt(arrays[name], how)}))
    with pytest.raises(ValueError, match=message) as caught:
        ke.load_weights(model, path)
    assert "nothing was loaded" in str(caught.value) and "\n" not in str(caught.value)
    assert not any(numpy(v).any() for v in model.weights)


@pytest.mark.parametrize("suffix", [".weights.h5", ".safetensors"])
def test_damaged_values_of_our_own_files_are_an_error(suffix, model, network, tmp_path):
    for name, value in (("conv1_conv/kernel", np.nan), ("conv1_bn/moving_variance", -0.5)):
        model.set_weights(network.get_weights())
        variable = next(v for layer in model.layers for v in layer.weights if f"{layer.name}/{v.name}" == name)
        variable.assign(np.full(variable.shape, value, "f4"))
        writers.write(model, tmp_path / f"a{suffix}")
        with pytest.raises(ValueError, match=f"nothing was loaded.*{name}"):
            ke.load_weights(network, tmp_path / f"a{suffix}")


@pytest.mark.parametrize("kind", ["float16", "float64"])
def test_other_floating_point_types_are_converted(kind, arrays, model, network, tmp_path):
    content = {n: v.astype(kind) if v.dtype.kind == "f" else v for n, v in arrays.items()}
    ke.load_weights(model, saved(tmp_path / "a.pth", tensors(content)))
    for one, two in zip(model.weights, network.weights):
        np.testing.assert_allclose(numpy(one), numpy(two), rtol=2e-3, atol=1e-3)


def test_a_small_difference_of_epsilons_is_corrected_exactly(arrays, model, tmp_path):
    """Torch's 1e-5, here 1.001e-5: of a variance of 3e-5 that is more than rounding."""
    variance = np.geomspace(1e-6, 1, 16)
    path = saved(tmp_path / "a.pth", tensors({**arrays, "bn1.running_var": variance}))
    ke.load_weights(model, path)
    norm = model.get_layer("conv1_bn")
    ours = 1 / np.sqrt(numpy(norm.moving_variance).astype("f8") + norm.epsilon)
    np.testing.assert_allclose(ours, 1 / np.sqrt(variance + 1e-5), rtol=1e-6)


@pytest.mark.parametrize(
    "name", ["layer1.0.conv1.weight", "layer3.0.bn2.running_var", "conv1.weight", "layer2.0.downsample.0.weight"]
)
@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_file_that_lacks_a_variable_says_so_in_its_own_names(name, prefix, arrays, model, tmp_path):
    content = {key: value for key, value in arrays.items() if key != name}
    with pytest.raises(ValueError, match=rf"missing in the file: {name}$"):
        ke.load_weights(model, saved(tmp_path / "a.pth", tensors(content, prefix)))


def test_a_file_of_more_layers_names_them_as_it_does(arrays, model, tmp_path):
    content = {**arrays, "layer1.1.conv1.weight": arrays["layer1.0.conv1.weight"]}
    with pytest.raises(ValueError, match=r"unknown to the model: layer1\.1\.conv1\.weight$"):
        ke.load_weights(model, saved(tmp_path / "a.pth", tensors(content)))


def test_paths_below_the_home_directory_and_path_objects(arrays, model, network, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    saved(tmp_path / "a.pth", tensors(arrays))
    for path in ("~/a.pth", pathlib.Path("~/a.pth"), tmp_path / "a.pth"):
        assert ke.zoo.path_and_tag(path)[0] == str(tmp_path / "a.pth")
        ke.load_weights(model, path)
        assert_same_weights(model, network)
    writers.write(model, "~/b.weights.h5")
    assert (tmp_path / "b.weights.h5").is_file()


@pytest.mark.filterwarnings("ignore")
def test_training_checkpoints_of_keras_load_beside_their_optimizers(network, model, tmp_path):
    trained = random_weights(small_resnet(), seed=1)
    trained.compile("adam", "categorical_crossentropy")
    trained.optimizer.build(trained.trainable_variables)
    trained.save(tmp_path / "a.keras")
    trained.save(tmp_path / "a.h5")
    trained.save_weights(tmp_path / "a.weights.h5")
    prefix = tf.train.Checkpoint(model=trained, step=tf.Variable(3)).save(str(tmp_path / "ckpt"))
    listed = tf.train.Checkpoint(model=trained, optimizer=trained.optimizer).save(str(tmp_path / "b" / "ckpt"))
    other = tf.train.Checkpoint(net=trained, o=trained.optimizer).save(str(tmp_path / "c" / "ckpt"))
    (tmp_path / "b" / "config.json").write_text('{"lr": 0.1, "architecture": "mine"}')
    paths = [tmp_path / "a.keras", tmp_path / "a.h5", tmp_path / "a.weights.h5", prefix, listed, other, tmp_path / "b"]
    for path in paths:
        model.set_weights(network.get_weights())
        ke.load_weights(model, path)
        assert_same_weights(model, trained)


@pytest.mark.filterwarnings("ignore")
def test_a_checkpoint_that_lists_other_variables_is_one_line(model, tmp_path):
    frozen = small_resnet()
    frozen.layers[3].trainable = False
    frozen.compile("adam", "categorical_crossentropy")
    frozen.optimizer.build(frozen.trainable_variables)
    path = tf.train.Checkpoint(model=frozen, optimizer=frozen.optimizer).save(str(tmp_path / "ckpt"))
    with pytest.raises(ValueError, match=r"`path` must be a checkpoint with \d+ trained variables, .* Received: \d+$"):
        ke.load_weights(model, path)


def test_the_image_statistics_of_keras_efficientnet_in_a_checkpoint(tmp_path):
    """Keras calls them adapt_mean and adapt_variance there."""
    options = {"weights": None, "input_shape": (32, 32, 3), "classes": 3}
    theirs, ours = keras.applications.EfficientNetB0(**options), ke.EfficientNetB0(**options)
    random_weights(theirs)
    tf.train.Checkpoint(model=theirs).save(str(tmp_path / "ckpt"))
    ke.load_weights(ours, tmp_path)
    for one, two in zip(ours.weights, theirs.weights, strict=True):
        if one.name != "count":  # of the images that were seen when they were adapted
            np.testing.assert_array_equal(one, two, err_msg=one.path)


def test_layers_that_keras_has_counted_up(network, model, tmp_path):
    names = ("conv1_conv", "conv2_block1_1_bn", "predictions")
    content = {
        (key.replace(f"{layer}/", f"{layer}_1/") if layer in names else key): value
        for key, value in variables(network).items()
        for layer in [key.split("/")[0]]
    }
    save_file(content, tmp_path / "a.safetensors")
    ke.load_weights(model, tmp_path / "a.safetensors")
    assert_same_weights(model, network)


OTHERS = [
    (ke.ResNet26, {}, "layer1.0.conv1.weight", "timm's resnet26 normalizes behind its convolutions: it is ResNet26V1"),
    (ke.ResNet50V2, {}, "layer1.0.conv1.weight", "The file is of a ResNet that normalizes behind"),
    (ke.ResNet18, {}, "layer2.0.downsample.2.weight", r"of a ResNet-D \(timm's resnet\*d\)"),
]


@pytest.mark.parametrize(("constructor", "options", "name", "message"), OTHERS)
def test_a_network_of_nearly_the_same_name_is_explained(constructor, options, name, message, arrays, tmp_path):
    model = constructor(weights=None, width=0.25, depth=0.1, include_top=False, **options)
    path = saved(tmp_path / "a.pth", tensors({**arrays, name: arrays["layer1.0.conv1.weight"]}, "module."))
    with pytest.raises(ValueError, match=message):
        ke.load_weights(model, path)


def test_resnet26_of_timm_is_resnet26v1():
    model = ke.ResNet26V1(weights=None, include_top=False, input_shape=(32, 32, 3))
    blocks = [b.name for b in ke.network_info.info_of(model).architecture.blocks]
    assert len(blocks) == 8 and model.get_layer("conv2_block1_2_conv").kernel_size == (3, 3)
    assert ke.count(ke.ResNet26V1(weights=None)).trainable_params == 15_995_176  # timm's resnet26: 16.0 M


REFUSED = {
    "skip a half": ({"skip": ["("]}, r"`skip` must be regular expressions.*Received: skip=\['\('\]"),
    "skip one half": ({"skip": "("}, r"Received: skip='\('"),
    "skip nothing": ({"skip": None}, "Received: skip=None"),
    "skip a number": ({"skip": 3}, "Received: skip=3"),
    "skip bytes": ({"skip": [b"a"]}, r"Received: skip=\[b'a'\]"),
    "skip numbers": ({"skip": [3]}, r"Received: skip=\[3\]"),
    "pointwise": ({"pointwise": "foo"}, "`pointwise` must be one of 'center', 'correlated', 'sum'. Received: .*'foo'"),
    "no pointwise": ({"pointwise": None}, "`pointwise` must be one of"),
    "pointwise list": ({"pointwise": ["sum"]}, "`pointwise` must be one of"),
    "entry": ({"entry": 0}, "`entry` must be one of .*. Received: entry='0'"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_an_argument_that_cannot_be_is_one_line(what, arrays, model, tmp_path):
    arguments, message = REFUSED[what]
    path = saved(tmp_path / "a.pth", tensors(arrays))
    with pytest.raises(ValueError, match=message) as caught:
        ke.load_weights(model, path, **arguments)
    assert "\n" not in str(caught.value)
    if "entry" not in arguments:
        with pytest.raises(ValueError, match=message):
            ke.zoo.pour(model, {}, **arguments)


@pytest.mark.parametrize(
    "skip", ["predictions/.*", ["predictions/kernel", "predictions/bias"], r"predictions/(kernel|bias)"]
)
def test_one_pattern_is_as_a_list_of_it(skip, arrays, model, tmp_path):
    report = ke.load_weights(model, saved(tmp_path / "a.pth", tensors(arrays)), skip=skip)
    assert not any(name.startswith("predictions") for name in report.loaded) and report.loaded
    assert not numpy(model.get_layer("predictions").kernel).any()


def test_an_entry_may_be_a_number(arrays, model, network, tmp_path):
    path = saved(tmp_path / "a.pth", {"models": [tensors({n: 0 * v for n, v in arrays.items()}), tensors(arrays)]})
    assert ke.load_weights(model, path, entry="models.1").entry == "models.1"
    path = saved(tmp_path / "b.pth", [tensors(arrays)])
    assert ke.load_weights(model, path, entry=0).entry == "0"


def test_the_kinds_of_sets_are_those_that_there_are():
    assert len(ke.zoo.list(kind="Conv")) + len(ke.zoo.list(kind="OctConv")) == len(ke.zoo.list())
    for kind in ("octconv", "OctConv(alpha=0.5)", "HetConv", ""):
        with pytest.raises(ValueError, match="`kind` must be one of 'Conv', 'OctConv'"):
            ke.zoo.list(kind=kind)
