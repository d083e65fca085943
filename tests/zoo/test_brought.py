"""Weights as people bring them: what they want of an image, classifiers, damaged values, names of Keras."""

import json
import pathlib

import checkpoints
import keras
import numpy as np
import pytest
import tensorflow as tf
from checkpoints import assert_same_weights, saved, small_resnet, tensors, torch_arrays
from reference import numpy
from safetensors.numpy import save_file
from weights import random_weights

import keras_effconv as ke
from keras_effconv.zoo import pour, writers


@pytest.fixture(scope="module")
def network():
    return random_weights(small_resnet())


@pytest.fixture(scope="module")
def arrays(network):
    return torch_arrays(network)


@pytest.fixture(scope="module")
def built():
    return small_resnet()


@pytest.fixture
def model(built):
    built.set_weights([np.zeros(v.shape, v.dtype) for v in built.weights])
    return built


@pytest.fixture(scope="module")
def bodies():
    return {
        "plain": small_resnet(include_top=False, pooling="avg"),
        "five": small_resnet(classes=5),
        "sigmoid": small_resnet(classes=5, classifier_activation="sigmoid"),
    }


def variables(model):
    return {f"{layer.name}/{v.name}": numpy(v) for layer in model.layers for v in layer.weights}


# --- what weights want of an image ------------------------------------------------------------------------------------

LITE = {"weights": None, "width": 0.25, "depth": 0.1, "input_shape": (32, 32, 3), "include_top": False}
HALF, USUAL = (127.5,) * 3, (255 * 0.485, 255 * 0.456, 255 * 0.406)


@pytest.fixture(scope="module")
def timm_names():
    """The file of an EfficientNet of timm, in its names, and our network of that size."""
    model = random_weights(ke.EfficientNetB0(**LITE))
    return model, timm_arrays(model)


def timm_arrays(model):
    found = {}
    for layer in model.layers:
        for v in layer.weights:
            if name := timm_name(layer.name, v.name):
                value = numpy(v)
                order = (2, 3, 0, 1) if layer.name.endswith("dwconv") else (3, 2, 0, 1)
                found[name] = np.ascontiguousarray(value.transpose(order) if value.ndim == 4 else value)
    return found


def timm_name(layer, variable):
    variable = {**checkpoints.VARIABLES, "kernel": "weight"}.get(variable, variable)
    ends = {"stem_conv": "conv_stem", "stem_bn": "bn1", "top_conv": "conv_head", "top_bn": "bn2"}
    if layer in ends:
        return f"{ends[layer]}.{variable}"
    if not layer.startswith("block"):
        return None
    block, _, part = layer.partition("_")
    first = {"dwconv": "conv_dw", "bn": "bn1", "project_conv": "conv_pw", "project_bn": "bn2"}
    later = {"expand_conv": "conv_pw", "expand_bn": "bn1", "dwconv": "conv_dw", "bn": "bn2", "project_conv": "conv_pwl"}
    gate = {"se_reduce": "se.conv_reduce", "se_expand": "se.conv_expand"}
    names = {**gate, **(first if block[5] == "1" else {**later, "project_bn": "bn3"})}
    return f"blocks.{int(block[5]) - 1}.{ord(block[6]) - ord('a')}.{names[part]}.{variable}"


def mean_inside(model):
    """What the network itself takes off an image, from what it computes of a black one."""
    stem = keras.Model(model.input, model.get_layer("normalization").output)
    shift, scale = (numpy(stem(np.full((1, 32, 32, 3), x, "f4")))[0, 0, 0] for x in (0, 255))
    return -255 * shift / (scale - shift)


def test_a_file_whose_sets_disagree_asks_what_it_wants_of_an_image(timm_names, tmp_path):
    """Timm's tf_efficientnet_b0 and its AdvProp weights have one set of names, and means of 0.485 and of 0.5."""
    model, content = timm_names
    save_file(content, tmp_path / "mine.safetensors")
    before = [numpy(v).copy() for v in model.weights]
    with pytest.raises(ValueError, match=r"`preprocessing` must say like which set .*'timm/tf_ap_in1k'") as caught:
        ke.load_weights(model, tmp_path / "mine.safetensors")
    assert "mean 0.5, 0.5, 0.5" in str(caught.value) and "\n" not in str(caught.value)
    for v, old in zip(model.weights, before):
        np.testing.assert_array_equal(numpy(v), old)


SAID = {
    "a tag": ("mine.safetensors", None, "timm/tf_ap_in1k", HALF),
    "another tag": ("mine.safetensors", None, "timm/tf_aa_in1k", USUAL),
    "preprocessing": ("mine.safetensors", None, ke.preprocessing.UNIT, HALF),
    "the name of the file": ("tf_efficientnet_b0.ap_in1k.safetensors", None, None, HALF),
    "an old name of the file": ("tf_efficientnet_b0_ap-f262efe1.safetensors", None, None, HALF),
    "the folder": ("models--timm--tf_efficientnet_b0.aa_in1k/model.safetensors", None, None, USUAL),
    "the configuration": ("a/model.safetensors", {"pretrained_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3}}, None, HALF),
}


@pytest.mark.parametrize("said", SAID)
def test_what_a_file_wants_of_an_image_is_said_by(said, timm_names, tmp_path):
    name, config, preprocessing, mean = SAID[said]
    model, content = timm_names
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    save_file(content, path)
    if config:
        path.with_name("config.json").write_text(json.dumps(config))
    ke.load_weights(model, path, preprocessing=preprocessing)
    np.testing.assert_allclose(mean_inside(model), mean, rtol=1e-4)
    np.testing.assert_allclose(ke.preprocessing_for(model).preprocessing.mean, mean, rtol=1e-4)


def test_a_path_takes_a_tag_behind_an_at_sign(timm_names, tmp_path):
    save_file(timm_names[1], tmp_path / "a.safetensors")
    model = ke.EfficientNetB0(**{**LITE, "weights": f"{tmp_path}/a.safetensors@timm/tf_ap_in1k"})
    np.testing.assert_allclose(mean_inside(model), HALF, rtol=1e-4)
    with pytest.raises(ValueError, match=r"weights='timm/ra_in1k'` of EfficientNetB0 are for padding='symmetric'"):
        ke.load_weights(model, tmp_path / "a.safetensors", preprocessing="timm/ra_in1k")


def test_a_file_by_name_of_other_options_is_refused(timm_names, tmp_path):
    """Timm's efficientnet_b0 pads otherwise than tf_efficientnet_b0, with the same names and shapes."""
    save_file(timm_names[1], tmp_path / "efficientnet_b0.ra_in1k.safetensors")
    with pytest.raises(ValueError, match=r"are for padding='symmetric' \(received 'same'\)"):
        ke.load_weights(timm_names[0], tmp_path / "efficientnet_b0.ra_in1k.safetensors")


def test_sets_that_agree_need_no_word(tmp_path):
    """All sets of tf_efficientnet_lite1 want 0.5, though Keras' way for Lite is 127 and 128."""
    model = random_weights(ke.EfficientNetLite1(**LITE))
    save_file(timm_arrays(model), tmp_path / "a.safetensors")
    ke.load_weights(model, tmp_path / "a.safetensors")
    np.testing.assert_allclose(mean_inside(model), HALF, rtol=1e-4)


@pytest.mark.parametrize("suffix", [".weights.h5", ".h5", ".keras", ".safetensors"])
@pytest.mark.filterwarnings("ignore")
def test_our_files_say_what_they_want_of_an_image(suffix, network, arrays, model, bodies, tmp_path):
    """Torch's weights want RGB by mean and deviation, Keras' ResNets BGR less a mean."""
    ke.load_weights(model, saved(tmp_path / "a.pth", tensors(arrays)))
    path = tmp_path / f"own{suffix}"
    model.save(path) if suffix == ".h5" else writers.write(model, path)
    other = bodies["plain"]
    ke.load_weights(other, path)
    assert ke.preprocessing_for(other).preprocessing.std == pytest.approx([58.395, 57.12, 57.375])
    assert not ke.preprocessing_for(other).preprocessing.bgr


def test_keras_own_loading_brings_what_weights_want_of_an_image(arrays, model, network, tmp_path):
    ke.load_weights(model, saved(tmp_path / "a.pth", tensors(arrays)))
    model.save_weights(tmp_path / "a.weights.h5")
    network.load_weights(tmp_path / "a.weights.h5")
    assert not ke.preprocessing_for(network).preprocessing.bgr


# --- classifiers ------------------------------------------------------------------------------------------------------


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


# --- values -----------------------------------------------------------------------------------------------------------


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


# --- names ------------------------------------------------------------------------------------------------------------


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
    for path in (tmp_path / "a.keras", tmp_path / "a.h5", tmp_path / "a.weights.h5", prefix):
        model.set_weights(network.get_weights())
        ke.load_weights(model, path)
        assert_same_weights(model, trained)


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
