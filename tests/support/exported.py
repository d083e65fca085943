"""Classifiers to export, and what their exports must compute."""

import contextlib
import io

import keras
import numpy as np
import pytest
from PIL import Image

import keras_effconv as ke
from keras_effconv import exporting
from keras_effconv.exporting.classifier import classifier_of

SIZE = 33  # odd, so that every family pads and crops
LABELS = ["tulip", "Löwenzahn", "rose", "sun flower", "a,b", '"quoted"', "daisy"]
RUNTIMES = {"onnx": "onnxruntime", "openvino": "openvino", "litert": "ai_edge_litert"}


def installed(name):
    """Skip where the runtime of a format is not installed."""
    if name in RUNTIMES:
        pytest.importorskip(RUNTIMES[name], reason=f"{name} needs {RUNTIMES[name]}: the extra `export`")


@contextlib.contextmanager
def verified_here():
    """Compare a SavedModel with its model in this process: one without Keras takes many seconds to start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(exporting.FORMATS, "saved_model", exporting.FORMATS["saved_model"]._replace(verify=None))
        yield


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
    images = classifier_of(model).images(count, seed=1)
    return keras.ops.convert_to_numpy(ke.preprocessing_for(model)(images))


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


def plain(size=32, classes=3, preprocessing=True):
    """A model of a few weights."""
    image = keras.Input((size, size, 3))
    x = ke.ImagePreprocessing(size, name="preprocessing")(image) if preprocessing else image
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, keras.layers.Dense(classes, activation="softmax", name="predictions")(x))
