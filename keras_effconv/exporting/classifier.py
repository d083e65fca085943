"""What every format is written from: a network of images 0..255, and the names of its classes."""

from typing import NamedTuple

import keras
import numpy as np
from keras import layers, ops

from keras_effconv.graph import check_functional, layers_of, tensors_read
from keras_effconv.network_info import preprocessing_for, says_several
from keras_effconv.preprocessing import FIELDS, Preprocessing

BATCH = 16
HALF = 0.5


class Classifier(NamedTuple):
    """A classifier as it is exported.

    Attributes:
        model: `keras.Model`, float32 images (n, size, size, 3), RGB, 0..255 -> a list of the probabilities (n, classes)
            and of what the classifier reads of the images, (n, c), float32; the preprocessing's arithmetic is inside.
        preprocessing: `Preprocessing`, how an image of another size is cropped and resized.
        labels: tuple of str, in the order of the probabilities.
        thresholds: tuple of floats, from which probability on each class is said of an image that may have several;
            `None` if an image has one class.
    """

    model: keras.Model
    preprocessing: Preprocessing
    labels: tuple[str, ...]
    thresholds: tuple[float, ...] | None = None

    def metadata(self):
        """Return what is written into the file and next to it, as a dict for JSON."""
        several = {} if self.thresholds is None else {"thresholds": self.thresholds}
        view = {field.name: getattr(self.preprocessing, field.name) for field in FIELDS}
        return {**view, "labels": self.labels, **several}

    def layers(self):
        """List the names of the layers, in order."""
        return [layer.name for layer in layers_of(self.model)]

    def predict(self, images):
        """Return probabilities and features of images, as arrays, not compiled: that takes longer for few images."""
        batches = (images[i : i + BATCH] for i in range(0, len(images), BATCH))
        outputs = [self.model(batch, training=False) for batch in batches]
        return [np.concatenate([ops.convert_to_numpy(part) for part in parts]) for parts in zip(*outputs)]

    def images(self, count=3, seed=0):
        """Draw images (count, size, size, 3) to compare on: float32 noise, each of another brightness and contrast."""
        rng, size = np.random.default_rng(seed), self.preprocessing.size
        levels, spread = rng.uniform(0, 255, (count, 1, 1, 3)), rng.uniform(10, 100, (count, 1, 1, 1))
        noise = rng.normal(0, 1, (count, size, size, 3))
        return np.clip(levels + spread * noise, 0, 255).astype("float32")


def classifier_of(model, labels=None, preprocessing=None, thresholds=None):
    """Check that a model is a classifier of RGB images, and put its preprocessing in front of it.

    Args:
        model: `keras.Model`, images (n, size, size, 3) -> (n, classes).
        labels: sequence of str. Default: `"class 0"`, `"class 1"`, ...
        preprocessing: `Preprocessing`. Default: the model's own.
        thresholds: sequence of floats, 0 to 1, one a class. Default: 0.5 each if the last layer has a sigmoid, else
            `None`.

    Returns:
        A `Classifier`.

    Raises:
        ValueError: for another model, or a wrong number of labels or thresholds.
    """
    if keras.backend.backend() != "tensorflow":
        raise ValueError(f"`KERAS_BACKEND` must be 'tensorflow'. Received: KERAS_BACKEND={keras.backend.backend()!r}")
    check_functional(model)
    size, classes = _size_and_classes(model)
    preprocessing = (preprocessing or preprocessing_for(model).preprocessing).at(size)
    labels = _labels(labels, classes)
    thresholds = _thresholds(thresholds, classes, says_several(model))
    images = keras.Input((size, size, 3), name="images")
    both = keras.Model(model.inputs, [*model.outputs, embedding(model)])(preprocessing.layer()(images), training=False)
    outputs = [ops.cast(each, "float32") for each in both]
    return Classifier(keras.Model(images, outputs, name=model.name), preprocessing, labels, thresholds)


def _size_and_classes(model):
    shapes = model.input_shape, model.output_shape
    single = all(isinstance(shape, tuple) and all(n is None or isinstance(n, int) for n in shape) for shape in shapes)
    images, outputs = shapes
    if not single or len(images) != 4 or images[1] is None or images[1:] != (images[1], images[1], 3):
        raise ValueError(f"`model` must read square RGB images (n, size, size, 3). Received: input of shape {images}")
    if len(outputs) != 2 or outputs[1] is None:
        raise ValueError(f"`model` must give (n, classes): include_top=True. Received: output of shape {outputs}")
    return images[1], outputs[1]


def _labels(labels, classes):
    if labels is None:
        return tuple(f"class {i}" for i in range(classes))
    labels = tuple(map(str, labels))
    if len(labels) != classes:
        raise ValueError(f"`labels` must be {classes} names, one a class. Received: {len(labels)} names")
    wrong = [label for label in labels if not label.strip() or label.splitlines() != [label]]
    if wrong:
        raise ValueError(f"`labels` must be names of one line. Received: {wrong[0]!r}")
    return labels


def _thresholds(thresholds, classes, several):
    if thresholds is None:
        return (HALF,) * classes if several else None
    values = tuple(map(float, thresholds))
    if len(values) != classes or not all(0 <= value <= 1 for value in values):
        raise ValueError(
            f"`thresholds` must be {classes} numbers from 0 to 1. Received: thresholds={list(values)[:10]}"
        )
    return values


def embedding(model):
    """Return what the last layer of a model reads, as a tensor (n, c): in most networks the global pooling's output.

    It is the input of the last convolution or dense layer if that sees one position only, and otherwise the output of
    the model.
    """
    weighted = [layer for layer in model.layers if layer.weights]
    if weighted and isinstance(weighted[-1], (layers.Dense, layers.Conv2D)):
        calls = tensors_read(model, weighted[-1])
        if len(calls) == 1 and set(calls[0][0].shape[1:-1]) <= {1}:
            return layers.Flatten(name=f"{model.name}_embedding")(calls[0][0])
    return model.outputs[0]
