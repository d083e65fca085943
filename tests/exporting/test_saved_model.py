"""SavedModels: whole versions, which a process without Keras serves."""

import io
import subprocess
import sys
import threading

import keras
import numpy as np
import pytest
from exported import LABELS, SIZE, expected, network, pictures
from grid import NETWORKS
from PIL import Image
from reference import xla_functions

import keras_effconv as ke
from keras_effconv import data, exporting
from keras_effconv.exporting import destination
from keras_effconv.exporting.classifier import classifier_of
from keras_effconv.exporting.format import METADATA, Settings

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


def test_each_weight_is_stored_once(tmp_path):
    """So a large network is as large on the disk as its weights."""
    image = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Flatten()(ke.ImagePreprocessing(SIZE)(image))
    x = keras.layers.Dense(300, activation="relu")(x)
    model = keras.Model(image, keras.layers.Dense(len(LABELS), activation="softmax")(x))
    exporting.export(model, tmp_path / "dense", labels=LABELS)
    stored = sum(file.stat().st_size for file in (tmp_path / "dense" / "1" / "variables").iterdir())
    weights = sum(4 * int(np.prod(weight.shape)) for weight in model.weights)
    assert weights * 0.9 < stored < 1.02 * weights


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


@pytest.mark.long
def test_a_server_never_sees_half_a_version(served):
    _, written, watch = served
    assert written.name == "1" and watch.seen and not watch.halves
    assert sorted(path.name for path in written.parent.iterdir()) == ["1", "models.config"]


@pytest.mark.long
def test_a_session_without_keras_serves_the_keras_model(served, tmp_path):
    model, written, _ = served
    big = io.BytesIO()
    Image.new("L", (400, 300)).save(big, "png")
    good = pictures()
    files = [*good, b"text", good[0][:50], b"", big.getvalue()]
    images = classifier_of(model).images(2, seed=2)
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
    np.testing.assert_allclose(features[:4], expected(pooled, decoded), rtol=1e-3, atol=1e-4)
    assert not features[4:].any()
    for name, value in served.items():
        np.testing.assert_array_equal(found[f"serving_default/{name}/1"].shape, (1, *value.shape[1:]))


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
    images = classifier_of(model).images(2)
    assert (found.path, found.labels, found.format) == (written, tuple(LABELS), "saved_model")
    assert found.preprocessing.size == SIZE
    np.testing.assert_allclose(found(images), expected(model, images), atol=1e-4)
    with pytest.raises(ValueError, match="TF_NUM_INTRAOP_THREADS"):
        exporting.load(written, threads=1)


def test_versions_are_numbered_and_never_taken_twice(tmp_path):
    for number in ("3", "x"):
        (tmp_path / number).mkdir()

    def write(settings, name):
        with destination.versioned(tmp_path, settings) as place:
            place.folder.mkdir()
            (place.folder / name).touch()
        return place.path.name, [path.name for path in place.path.iterdir()]

    assert write(Settings(), "a") == ("4", ["a"])
    with destination.versioned(tmp_path, Settings()) as place:  # another process is faster
        place.folder.mkdir()
        assert write(Settings(), "b") == ("5", ["b"])
    assert place.path.name == "6"
    (tmp_path / "4" / METADATA).touch()
    assert write(Settings(version=4), "c") == ("4", ["c"])
    with pytest.raises(RuntimeError), destination.versioned(tmp_path, Settings()) as place:
        place.folder.mkdir()
        raise RuntimeError
    assert sorted(path.name for path in tmp_path.iterdir()) == ["3", "4", "5", "6", "models.config", "x"]


def test_a_version_takes_no_place_of_anything_else(tmp_path):
    """Photos in a folder whose name is a number, and a folder that is an export of another format."""
    (tmp_path / "digits" / "1").mkdir(parents=True)
    (tmp_path / "digits" / "1" / "photo.jpg").touch()
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / METADATA).touch()
    for path, settings in ((tmp_path / "digits", Settings(version=1)), (tmp_path / "onnx", Settings())):
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(ValueError, match="`path` must be"), destination.versioned(path, settings):
            pass
        assert sorted(tmp_path.rglob("*")) == before
