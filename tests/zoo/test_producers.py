"""Round trips of other producers' weights: their names and layouts, our networks, the same numbers."""

import gzip
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf
import weight_files
from reference import numpy
from safetensors.numpy import save_file

import keras_effconv as ke
from keras_effconv import zoo
from keras_effconv.applications.blocks import bands
from keras_effconv.layers import OctConv2D, OctDepthwiseConv2D
from keras_effconv.training import Recipe
from keras_effconv.training.network import backbone

FIXTURES = Path(__file__).parents[1] / "fixtures"
sys.path.append(str(FIXTURES))
import octave_files  # noqa: E402
import octave_reference  # noqa: E402
from deterministic import images, values  # noqa: E402


def close(ours, theirs, tolerance=1e-4):
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * np.abs(theirs).max())


def variables(model):
    """What a model holds: dict of "layer/variable" -> array."""
    return {f"{layer.name}/{v.name}": numpy(v) for layer in model.layers for v in layer.weights}


def set_weights(model, arrays):
    model.set_weights(arrays)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()


# --- networks of torch: their names and outputs were recorded by fixtures/make_producers.py --------------------------

SYMMETRIC = {"padding": "symmetric"}
MIDDLE = {"stride_position": "middle"}
TORCH = {
    "timm-efficientnet_b0": ("EfficientNetB0", SYMMETRIC),
    "timm-efficientnet_b1": ("EfficientNetB1", SYMMETRIC),
    "timm-tf_efficientnet_b0": ("EfficientNetB0", {}),
    "timm-efficientnet_lite0": ("EfficientNetLite0", SYMMETRIC),
    "timm-tf_efficientnet_lite0": ("EfficientNetLite0", {}),
    "timm-mobilenetv1_100": ("MobileNet", SYMMETRIC),
    "timm-mobilenetv2_100": ("MobileNetV2", SYMMETRIC),
    "timm-resnet18": ("ResNet18", {}),
    "timm-resnet50": ("ResNet50", MIDDLE),
    "timm-resnext50_32x4d": ("ResNeXt50", {}),
    "timm-seresnet50": ("ResNet50", {**MIDDLE, "se": True}),
    "timm-vgg11": ("VGG11", {}),
    "timm-vgg11_bn": ("VGG11", {"batch_norm": True}),
    "torchvision-efficientnet_b0": ("EfficientNetB0", SYMMETRIC),
    "torchvision-efficientnet_b5": ("EfficientNetB5", SYMMETRIC),
    "torchvision-mobilenet_v2": ("MobileNetV2", SYMMETRIC),
    "torchvision-resnet18": ("ResNet18", {}),
    "torchvision-resnet50": ("ResNet50", MIDDLE),
    "torchvision-resnext50_32x4d": ("ResNeXt50", {}),
    "torchvision-vgg11": ("VGG11", {}),
    "torchvision-vgg11_bn": ("VGG11", {"batch_norm": True}),
    "akamaster-resnet20": ("ResNet20", {}),
}

# Sets of these names disagree in what they want of an image, and a file alone does not tell.
LIKE = {
    "timm-efficientnet_b0": "timm/ra_in1k",
    "timm-efficientnet_b1": "timm/ft_in1k",
    "timm-tf_efficientnet_b0": "timm/tf_in1k",
    "timm-tf_efficientnet_lite0": "imagenet",
}


def recorded():
    """One parameter set a record; what is large, or named like another that is here, is in `make test-all`."""
    for path in sorted((FIXTURES / "producers").glob("*.json.gz")):
        key, size = path.name.removesuffix(".json.gz").rsplit("-", 1)
        slow = size == "224" or key.endswith("b5") or key in ("torchvision-resnet50", "torchvision-resnext50_32x4d")
        yield pytest.param(path, *TORCH[key], id=f"{key}-{size}", marks=[pytest.mark.slow] if slow else [])


def stored(record, path):
    """The file of a record's network: the same values that torch computed with."""
    arrays = {key: values(key, tuple(shape), dtype, record["gain"]) for key, shape, dtype in record["variables"]}
    save_file(arrays, path)
    return str(path)


@pytest.mark.grid
@pytest.mark.parametrize(("path", "name", "options"), list(recorded()))
def test_a_network_of_torch_computes_here_what_it_did_there(path, name, options, tmp_path):
    record = json.loads(gzip.decompress(path.read_bytes()))
    size, features = record["size"], record["features"]
    head = {"include_top": False, "pooling": "avg"} if features else {"classifier_activation": None, "classes": 10}
    weights = stored(record, tmp_path / "model.safetensors")
    like = LIKE.get(path.name.removesuffix(".json.gz").rsplit("-", 1)[0])
    weights += f"@{like}" if like else ""
    model = ke.applications.get(name)(weights=weights, input_shape=(size, size, 3), **head, **options)
    x = images(size)
    if not ke.preprocessing_for(model).preprocessing.inside:
        x = (x - 127.5) / 127.5
    close(numpy(model(x))[:, :32], np.array(record["outputs"]))
    assert not model.load_report.skipped
    assert not model.load_report.approximate


def test_a_fine_tune_prepares_images_as_the_weights_want_them(tmp_path):
    """Keras' ResNets read BGR less a mean, torch's RGB by mean and deviation: the layer follows the file."""
    path = FIXTURES / "producers" / "timm-resnet18-64.json.gz"
    record = json.loads(gzip.decompress(path.read_bytes()))
    recipe = Recipe(model="ResNet18", weights=stored(record, tmp_path / "model.safetensors"), image_size=64)
    network, constructor = backbone(recipe), ke.ResNet18
    layer = network.get_layer("preprocessing")
    assert constructor.preprocessing.bgr and not layer.preprocessing.bgr
    white = numpy(layer(np.full((1, 64, 64, 3), 255, "uint8")))[0, 0, 0]
    np.testing.assert_allclose(white, (1 - np.array([0.485, 0.456, 0.406])) / [0.229, 0.224, 0.225], rtol=1e-5)


# --- the TPU repository's EfficientNets: their checkpoints, named as their loops name layers ------------------------

MBCONV = ((1, 3, 16), (6, 3, 24), (6, 5, 40), (6, 3, 80), (6, 5, 112), (6, 5, 192), (6, 3, 320))
REPEATS = {"EfficientNetB0": (1, 2, 2, 3, 3, 4, 1), "EfficientNetB1": (2, 3, 3, 4, 4, 5, 2)}


def counter(name):
    """TensorFlow 1 counts the layers of a name: `conv2d`, `conv2d_1`, ..."""
    return iter((name, *(f"{name}_{i}" for i in range(1, 9))))


def tpu_norm(name, width):
    return [(f"{name}/{v}", (width,)) for v in ("gamma", "beta", "moving_mean", "moving_variance")]


def tpu_block(name, width, expand, size, filters):
    """The variables of a block, in the order in which it uses them."""
    conv, norm, wide, squeezed = counter("conv2d"), counter("tpu_batch_normalization"), width * expand, width // 4
    found = []
    if expand > 1:
        found = [(f"{name}/{next(conv)}/kernel", (1, 1, width, wide)), *tpu_norm(f"{name}/{next(norm)}", wide)]
    found += [(f"{name}/depthwise_conv2d/depthwise_kernel", (size, size, wide, 1))]
    found += tpu_norm(f"{name}/{next(norm)}", wide)
    found += [(f"{name}/se/conv2d/kernel", (1, 1, wide, squeezed)), (f"{name}/se/conv2d/bias", (squeezed,))]
    found += [(f"{name}/se/conv2d_1/kernel", (1, 1, squeezed, wide)), (f"{name}/se/conv2d_1/bias", (wide,))]
    found += [(f"{name}/{next(conv)}/kernel", (1, 1, wide, filters))]
    return found + tpu_norm(f"{name}/{next(norm)}", filters)


def tpu_network(root, repeats, classes):
    """Names and shapes of a network's variables, in the order in which it uses them; blocks are numbered through."""
    found = [("stem/conv2d/kernel", (3, 3, 3, 32)), *tpu_norm("stem/tpu_batch_normalization", 32)]
    width, number = 32, 0
    for (expand, size, filters), count in zip(MBCONV, repeats):
        for _ in range(count):
            found += tpu_block(f"blocks_{number}", width, expand, size, filters)
            width, number = filters, number + 1
    found += [("head/conv2d/kernel", (1, 1, 320, 1280)), *tpu_norm("head/tpu_batch_normalization", 1280)]
    found += [("head/dense/kernel", (1280, classes)), ("head/dense/bias", (classes,))]
    return [(f"{root}/{name}", shape) for name, shape in found]


def averages(found):
    """What training leaves as averages: kernels are scaled for HWIO, which `values` does not know."""
    return [values(name, shape[::-1]).T.copy() for name, shape in found]


def write_checkpoint(prefix, found, arrays):
    """Averages, and beside them raw values, slots of RMSProp and a counter, none of which may be read."""
    content = {"global_step": np.int64(218949)}
    for (name, shape), value in zip(found, arrays):
        content[name], content[f"{name}/ExponentialMovingAverage"] = value + 1, value
        if "moving" not in name and len(shape) < 4:
            content[f"{name}/RMSProp"] = content[f"{name}/RMSProp_1"] = np.full(shape, 9, "float32")
    names = sorted(content)
    tf.raw_ops.SaveV2(
        prefix=prefix, tensor_names=names, shape_and_slices=[""] * len(names), tensors=[content[n] for n in names]
    )


@pytest.mark.long
@pytest.mark.parametrize("name", list(REPEATS))
def test_a_checkpoint_of_the_tpu_repository_is_its_averages_in_keras_network(name, tmp_path):
    found = tpu_network(f"efficientnet-{name[-2:].lower()}", REPEATS[name], classes=4)
    arrays = averages(found)
    prefix = str(tmp_path / "model.ckpt-218949")
    write_checkpoint(prefix, found, arrays)
    options = {"input_shape": (64, 64, 3), "classes": 4, "classifier_activation": None}
    theirs = getattr(keras.applications, name)(weights=None, **options)
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    set_weights(theirs, [mean, std**2, np.array(0), *arrays])
    ours = ke.applications.get(name)(weights=f"{prefix}@tpu", **options)
    for a, b in zip(ours.weights[3:], theirs.weights[3:], strict=True):
        np.testing.assert_array_equal(numpy(a), numpy(b), err_msg=a.path)
    close(numpy(ours(images(64))), numpy(theirs(images(64))), 1e-5)


# --- networks of octave convolutions ---------------------------------------------------------------------------------


def write_octaves(style, modules, path):
    content = {name: value for module in modules for name, value in getattr(octave_files, style)(module)}
    if style.startswith("torch"):
        weight_files.write_torch(path, content)
    elif style == "symbol":
        path.write_bytes(weight_files.symbol_tar(content))
    else:
        path.write_bytes(weight_files.mxnet_params(content))
    return str(path)


class Octaves(NamedTuple):
    """What the authors' code calls a network, our constructor of it, and the two epsilons."""

    name: str
    options: dict
    modules: Callable  # of alpha
    theirs: float = 1e-5
    ours: float = 1.001e-5


SHORT = {"depth": 0.3}  # of each stage, so many of its blocks, rounded up
POOL = {"downsampling": "pool"}
V1 = {**SYMMETRIC, **POOL, "activation": "relu"}
V2 = {**SYMMETRIC, **POOL, "expand_first": True}
SYMBOL = {**POOL, "more_norms": True, "strides_last": False, "use_bias": False}
FULL, FEW, ONE = (3, 4, 6, 3), (1, 2, 2, 1), (1, 1, 1, 1)
LAST = {**POOL, "stride_position": "last", "depth": 1 / 36}
GATED = {"se": True, "more_norms": True}
GLUON = {
    "ResNet-50": Octaves("ResNet50", {**MIDDLE, **POOL}, partial(octave_files.resnet, blocks=FULL)),
    "short ResNet-50": Octaves("ResNet50", {**MIDDLE, **POOL, **SHORT}, partial(octave_files.resnet, blocks=FEW)),
    "short SE-ResNet-50": Octaves(
        "ResNet50", {**MIDDLE, **POOL, **SHORT, "se": True}, partial(octave_files.resnet, blocks=FEW, se=True)
    ),
    "short ResNeXt-50": Octaves("ResNeXt50", {**POOL, **SHORT}, partial(octave_files.resnet, blocks=FEW, groups=32)),
    "short ResNet-152": Octaves(
        "ResNet152",
        {**LAST, "stem": "deep bL"},
        partial(octave_files.resnet, blocks=ONE, stem_widths=(8, 32, 64)),
    ),
    "short SE-ResNet-152": Octaves(
        "ResNet152",
        {**LAST, **GATED, "stem": "deep"},
        partial(octave_files.resnet, blocks=ONE, stem_widths=(32, 32, 64), **GATED),
    ),
    "MobileNet": Octaves("MobileNet", V1, octave_files.mobilenet_v1, ours=1e-3),
    "MobileNetV2": Octaves("MobileNetV2", V2, octave_files.mobilenet_v2, ours=1e-3),
}
PREACTIVATED = {
    "ResNet-26": Octaves("ResNet26", SYMBOL, octave_files.preactivated, theirs=1e-4),
    "short SE-ResNet-50": Octaves(
        "ResNet50V2",
        {**SYMBOL, **SHORT, "se": True},
        partial(octave_files.preactivated, blocks=FEW, se=True),
        theirs=1e-4,
    ),
    "one-block ResNeXt-50": Octaves(
        "ResNet50V2",
        {**SYMBOL, "depth": 0.1, "groups": 32, "group_width": 4},
        partial(octave_files.preactivated, blocks=ONE, groups=32),
        theirs=1e-4,
    ),
}
FILES = {
    "Gluon ResNet-50 0.25": (GLUON["ResNet-50"], "structured", 0.25),
    **{
        f"Gluon {style} {key} {alpha}": (GLUON[key], style, alpha)
        for key in list(GLUON)[1:]
        for style, alpha in (("structured", 0.5), ("prefixed", 0.25))
    },
    "Symbol ResNet-26 0.125": (PREACTIVATED["ResNet-26"], "symbol", 0.125),
    **{f"Symbol {key} 0.25": (PREACTIVATED[key], "symbol", 0.25) for key in list(PREACTIVATED)[1:]},
    "d-li14 short ResNet-50 0.5": (GLUON["short ResNet-50"], "torch", 0.5),
    "d-li14 MobileNet 0.5": (GLUON["MobileNet"], "torch_mobilenet", 0.5),
}


def write_modules(network, style, alpha, path, dtype="float32"):
    """The modules of a file, and the file."""
    modules = [
        module._replace(arrays={key: value.astype(dtype) for key, value in module.arrays.items()})
        for module in network.modules(alpha)
    ]
    return modules, write_octaves(style, modules, path)


def octave_network(network, weights, conv):
    """Ours, with the weights of a file."""
    options = {"weights": weights, "input_shape": (32, 32, 3), "classes": 7, "conv": conv, **network.options}
    return ke.applications.get(network.name)(**options)


def check_variables(network, modules, model):
    """Every variable is the file's, but for biases, which are 0: no convolution of theirs has one."""
    shift = network.theirs - network.ours if abs(network.theirs - network.ours) > 1e-7 else 0
    wanted = {key: value for module in modules for key, value in octave_files.expected(module, shift).items()}
    found = variables(model)
    for key in wanted.keys() & {"predictions/kernel", "conv_preds/kernel"}:
        wanted[key] = wanted[key].reshape(found[key].shape)
    more = found.keys() - wanted.keys()
    assert sorted(wanted.keys() - found.keys()) == []
    assert sorted(key for key in more if found[key].any() or not key.endswith("_conv/bias")) == []
    for key, value in wanted.items():
        np.testing.assert_allclose(found[key], value.astype("float32"), rtol=1e-6, err_msg=key)


def check_layers(modules, model):
    """Octave convolutions of the network compute the sums of the file's paths."""
    rng, checked = np.random.default_rng(0), set()
    for module in modules:
        layer = next((layer for layer in model.layers if layer.name == module.ours), None)
        paths = {path: value for (path, _), value in module.arrays.items()}
        signature = (frozenset(paths), getattr(layer, "strides", None), getattr(layer, "kernel_size", None))
        octave = isinstance(layer, OctConv2D | OctDepthwiseConv2D)
        if not octave or signature in checked or getattr(layer, "groups", 1) > 1:
            continue
        checked.add(signature)
        sides = {"high": 8, "low": 4}
        x = {band: rng.normal(size=(1, sides[band], sides[band], c)).astype("f4") for band, c in layer.read.items()}
        ours = {band[0]: value for band, value in bands(layer(x)).items()}
        theirs = octave_reference.by_paths({band[0]: value for band, value in x.items()}, paths, layer.strides[0])
        assert set(ours) == set(theirs)
        for band, value in theirs.items():
            close(numpy(ours[band]), value, 1e-5)
    assert len(checked) >= 3


@pytest.mark.grid
@pytest.mark.parametrize(("network", "style", "alpha"), list(FILES.values()), ids=list(FILES))
def test_a_file_of_an_octave_network_is_that_network(network, style, alpha, tmp_path):
    modules, path = write_modules(network, style, alpha, tmp_path / "model.params")
    model = octave_network(network, path, ke.OctConv(alpha=alpha))
    check_variables(network, modules, model)
    check_layers(modules, model)
    assert not model.load_report.approximate
    assert not model.load_report.skipped


COMPUTED = {
    "Gluon ResNet-50": (GLUON["short ResNet-50"], "structured", partial(octave_reference.resnet, position=2)),
    "Gluon SE-ResNet-152": (GLUON["short SE-ResNet-152"], "prefixed", partial(octave_reference.resnet, position=3)),
    "Gluon MobileNet": (GLUON["MobileNet"], "structured", octave_reference.mobilenet),
    "Symbol SE-ResNet-50": (PREACTIVATED["short SE-ResNet-50"], "symbol", octave_reference.preactivated),
    "Symbol ResNeXt-50": (PREACTIVATED["one-block ResNeXt-50"], "symbol", octave_reference.preactivated),
}


@pytest.mark.long
@pytest.mark.parametrize(("network", "style", "theirs"), list(COMPUTED.values()), ids=list(COMPUTED))
def test_a_network_of_the_authors_computes_here_what_their_code_says(network, style, theirs, tmp_path):
    modules, path = write_modules(network, style, 0.25, tmp_path / "model.params")
    x = (images(64, count=1) - 127.5) / 64
    options = {"input_shape": (64, 64, 3), "classifier_activation": None}
    model = octave_network(network._replace(options={**network.options, **options}), path, "OctConv(alpha=0.25)")
    close(numpy(model(x)), theirs(modules, x), 1e-4)


@pytest.mark.long
@pytest.mark.parametrize("key", ["short ResNet-50", "MobileNet", "MobileNetV2"])
def test_half_precision_files_of_octave_networks(key, tmp_path):
    modules, path = write_modules(GLUON[key], "structured", 0.25, tmp_path / "model.params", "float16")
    check_variables(GLUON[key], modules, octave_network(GLUON[key], path, "OctConv(alpha=0.25)"))


OTHER_BANDS = [
    *(("MobileNet", conv) for conv in (None, "OctConv(alpha=0.25, coarsest=64)", "HetConv(parts=2)")),
    *((key, "OctConv(alpha=0.5)") for key in ("short ResNet-50", "MobileNet", "MobileNetV2")),
]


@pytest.mark.long
@pytest.mark.parametrize(("key", "conv"), OTHER_BANDS)
def test_a_file_of_other_bands_is_refused(key, conv, tmp_path):
    """Nothing in the shapes tells: an octave kernel is as large as a plain one."""
    _, path = write_modules(GLUON[key], "structured", 0.25, tmp_path / "model.params")
    with pytest.raises(ValueError, match="`conv` must have the bands of the file, in which"):
        octave_network(GLUON[key], path, conv)


@pytest.mark.long
@pytest.mark.parametrize(("conv", "approximate"), [(None, False), ("OctConv(alpha=0.25)", True)])
@pytest.mark.parametrize("key", ["short ResNet-50", "MobileNet"])
def test_a_file_of_the_authors_plain_networks_is_a_warm_start_of_an_octave_network(key, conv, approximate, tmp_path):
    _, path = write_modules(GLUON[key], "structured", 0, tmp_path / "model.params")
    assert octave_network(GLUON[key], path, conv).load_report.approximate is approximate


REFUSED = [
    ("short ResNet-50", "structured", "stride_position", "first"),
    ("short ResNet-152", "prefixed", "stride_position", "first"),
    ("short ResNet-50", "torch", "stride_position", "first"),
    ("short SE-ResNet-152", "structured", "downsampling", "stride"),
    ("MobileNet", "torch_mobilenet", "activation", "relu6"),
    ("MobileNetV2", "prefixed", "downsampling", "stride"),
]


@pytest.mark.long
@pytest.mark.parametrize(("network", "style", "option", "wrong"), REFUSED)
def test_a_file_of_networks_that_compute_otherwise_is_refused(network, style, option, wrong, tmp_path):
    row = GLUON[network]
    _, path = write_modules(row, style, 0.5, tmp_path / "model.params")
    with pytest.raises(ValueError, match=rf"{option}='{row.options[option]}' \(received '{wrong}'\)"):
        octave_network(row._replace(options={**row.options, option: wrong}), path, "OctConv(alpha=0.5)")


# --- Keras' own networks, from all that Keras writes -----------------------------------------------------------------

QUICK = ("EfficientNetB0", "MobileNet", "MobileNetV2", "ResNet50V2")
THEIRS = [
    pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow])
    for name in ke.applications.list_models()
    if hasattr(keras.applications, name)
]


def randomise(model):
    """Weights that are neither initial nor symmetric; of normalisation, statistics that are not 0 and 1."""
    shapes = [(f"{i}.{v.name}", tuple(v.shape)[::-1]) for i, v in enumerate(model.weights)]
    set_weights(model, [values(name, shape, gain=1.0).T for name, shape in shapes])


@pytest.mark.long
@pytest.mark.parametrize("name", THEIRS)
def test_what_keras_saves_loads_by_its_path(name, tmp_path):
    options = {"weights": None, "input_shape": (32, 32, 3), "classes": 4, "classifier_activation": None}
    builds = getattr(keras.applications, name), ke.applications.get(name)
    whole, our_whole = (build(**options) for build in builds)
    body, our_body = (build(**options, include_top=False) for build in builds)
    randomise(whole)
    set_weights(body, [numpy(v) for v in whole.weights[: len(body.weights)]])
    x = images(32)
    for saved, name_of_file, ours, theirs in (
        (whole, "whole.h5", our_whole, whole),
        (whole, "whole.h5", our_body, body),
        (body, "body.h5", our_body, body),
        (whole, "whole.weights.h5", our_body, body),
        (whole, "whole.weights.h5", our_whole, whole),
        (body, "body.keras", our_body, body),
        (whole, "whole.keras", our_whole, whole),
    ):
        path = tmp_path / name_of_file
        if not path.exists():
            (saved.save_weights if name_of_file.endswith(".weights.h5") else saved.save)(path)
        set_weights(ours, [np.zeros(v.shape, v.dtype) for v in ours.weights])
        zoo.load(ours, str(path), include_top=ours is our_whole)
        for a, b in zip(ours.weights, theirs.weights, strict=True):
            np.testing.assert_array_equal(numpy(a), numpy(b), err_msg=f"{a.path} of {path}")
    close(numpy(our_body(x)), numpy(body(x)), 1e-6)
    close(numpy(our_whole(x)), numpy(whole(x)), 1e-6)
