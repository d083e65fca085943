"""One entry for every format: check, write, read back, compare, and only then move to the path."""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from keras_effconv.exporting import litert, onnx, openvino, saved_model
from keras_effconv.exporting.classifier import BATCH, classifier_of
from keras_effconv.exporting.format import LABELS, MAX_PIXELS, METADATA, Settings
from keras_effconv.exporting.half_precision import policy_record
from keras_effconv.graph import check_functional
from keras_effconv.inference.compare import largest_of_logits, moved_probability
from keras_effconv.inference.precision import in_float32
from keras_effconv.policies import default_policy
from keras_effconv.preprocessing import Preprocessing
from keras_effconv.utils.arguments import one_of, positive
from keras_effconv.utils.extras import require
from keras_effconv.utils.files import write_json, write_lines

FORMATS = {module.FORMAT.name: module.FORMAT for module in (saved_model, onnx, openvino, litert)}

# How the outputs of a precision are compared with the model's, and the difference that is allowed by default.
TOLERANCES = {
    "float32": (largest_of_logits, 1e-4),
    "float16": (largest_of_logits, 1e-2),
    "int8": (moved_probability, 0.1),
}
IO = ("float32", "uint8", "int8")
# The least opset that can hold a precision: int8 by channel came with 13. The converter writes none above the last one.
OPSETS, MAX_OPSET = {"float32": 11, "float16": 11, "int8": 13}, 18


def export(
    model: keras.Model,
    path: str | os.PathLike,
    format: str = "saved_model",
    labels: Sequence[str] | None = None,
    precision: str = "float32",
    calibration: np.ndarray | None = None,
    preprocessing: Preprocessing | None = None,
    version: int | None = None,
    top: int = 5,
    max_pixels: int = MAX_PIXELS,
    tolerance: float | None = None,
    io: str = "float32",
    layout: str = "nhwc",
    opset: int | None = None,
) -> Path:
    """Write a classifier for another runtime, with its preprocessing inside, and check that it computes the same.

    Every format takes float32 images (n, size, size, 3), RGB, 0..255, of any batch size, and returns probabilities
    (n, classes), unless `io` or `layout` says otherwise. A SavedModel takes the bytes of image files as well. A model
    of half precision is exported in float32. `keras_effconv.exporting.load(path)` runs any of them, on the same images.
    The files are read back and compared with the model before they appear at the path, complete.

    Args:
        model: `keras.Model`, square RGB images -> (n, classes), of this package or any other.
        path: path of the folder to write. An earlier export is replaced; a SavedModel gets a folder for each version.
        format: str, `"saved_model"`, `"onnx"`, `"openvino"` or `"litert"`. Default `"saved_model"`.
        labels: sequence of str, the names of the classes. Default: `"class 0"`, `"class 1"`, ...
        precision: str, of the weights: `"float32"`; also `"float16"` in ONNX, OpenVINO and LiteRT, and `"int8"` in ONNX
            and LiteRT, with int8 activations. Default `"float32"`.
        calibration: array (n, size, size, 3) of typical images, RGB, 0..255, for `"int8"`; a hundred are enough.
            Default `None`.
        preprocessing: `Preprocessing`. Default: the model's own.
        version: int, of a SavedModel; one that exists is replaced. Default: the next free one.
        top: int, the labels and scores in the answer of a SavedModel. Default 5.
        max_pixels: int; a SavedModel refuses files that declare more, before it decodes them. Default 64,000,000.
        tolerance: float, the difference from the model that is allowed. Default: 1e-4 for `"float32"` and 1e-2 for
            `"float16"`, the largest of any output; if outputs are above 1, as logits are, relative to the largest one.
            0.1 for `"int8"`, the probability that moves to other classes, averaged over the calibration images. A model
            of half precision is compared with its copy in float32, too, whose outputs may differ, by the same measure
            as above, by 0.05 (float16) or 0.25 (bfloat16).
        io: str, the type of the input and the output of a LiteRT file with `precision="int8"`: `"float32"`, `"uint8"`
            or `"int8"`, for accelerators that take integers only. `export.json` has their scale and zero point. Default
            `"float32"`.
        layout: str, of the input of an ONNX file: `"nhwc"`, images (n, size, size, 3), or `"nchw"`, (n, 3, size, size).
            Default `"nhwc"`.
        opset: int, of an ONNX file: 11 to 18; with `precision="int8"` at least 13. Default 17.

    Returns:
        `pathlib.Path` of the folder that was written. Its `export.json` holds the difference, and for a model of half
        precision its `policy` and how far that is from float32 (`policy_difference`).

    Raises:
        ValueError: for an argument that is not as above, a model that the format cannot hold, or one that computes
            something else in it. Nothing is written then.
        ImportError: when a package that the format needs is not installed.

    Example:

    >>> list(FORMATS)
    ['saved_model', 'onnx', 'openvino', 'litert']
    >>> import keras_effconv
    >>> model = keras_effconv.ResNet20(weights=None)
    >>> export(model, "outputs/resnet20", format="onnx").name  # doctest: +SKIP
    'resnet20'
    """
    runtime = FORMATS[one_of("format", format, tuple(FORMATS))]
    settings = Settings(calibration, version, top, max_pixels, io, layout, opset)
    _check(runtime, precision, settings)
    for module in runtime.modules:
        require(module, "export")
    check_functional(model)
    with default_policy("float32"):  # of the layers around the model, whatever this process computes in
        return _exported(model, path, runtime, labels, preprocessing, precision, settings, tolerance)


def _exported(model, path, runtime, labels, preprocessing, precision, settings, tolerance):
    classifier = classifier_of(in_float32(model), labels, preprocessing)
    images = classifier.images()
    policy = policy_record(model, classifier, images, tolerance)
    if precision == "int8":
        images = _calibration(settings.calibration, classifier.preprocessing.size)
        settings = dataclasses.replace(settings, calibration=images)
    with runtime.destination(os.path.expanduser(path), settings) as destination:
        folder = destination.folder
        folder.mkdir()
        extra = _convert(runtime, classifier, folder, precision, settings) or {}
        difference = _verified(runtime, classifier, folder, precision, images, tolerance)
        record = {"format": runtime.name, "precision": precision, "difference": difference, **extra, **policy}
        record.update(classifier.metadata())
        write_json(folder / METADATA, record)
        write_lines(folder / LABELS, classifier.labels)
    return destination.path


def _check(runtime, precision, settings):
    one_of("precision", precision, runtime.precisions)
    for name in settings.changed():
        if name not in runtime.settings:
            raise ValueError(f"`{name}` must be left out with format={runtime.name!r}. Received: {name}=...")
    if (settings.calibration is None) == (precision == "int8"):
        raise ValueError(
            "`calibration` must be images with precision='int8', and only with it. "
            f"Received: precision={precision!r}, calibration={'None' if settings.calibration is None else '...'}"
        )
    for name in ("version", "top", "max_pixels", "opset"):
        if getattr(settings, name) is not None:
            positive(name, getattr(settings, name))
    one_of("layout", settings.layout, tuple(onnx.LAYOUTS))
    if one_of("io", settings.io, IO) != "float32" and precision != "int8":
        raise ValueError(f"`io` must be 'float32' unless precision='int8'. Received: io={settings.io!r}, {precision=}")
    if settings.opset is not None and not OPSETS[precision] <= settings.opset <= MAX_OPSET:
        raise ValueError(
            f"`opset` must be {OPSETS[precision]} to {MAX_OPSET} with {precision=}. Received: opset={settings.opset}"
        )


def _calibration(images, size):
    images = np.asarray(images, "float32")
    if images.ndim != 4 or images.shape[1:] != (size, size, 3) or not len(images):
        raise ValueError(f"`calibration` must be (n, {size}, {size}, 3). Received: an array of shape {images.shape}")
    return images


def _convert(runtime, classifier, folder, precision, settings):
    """Write, and return what `write` returns. If a converter does not take the model, its message becomes one line."""
    try:
        return runtime.write(classifier, folder, precision, settings)
    except (ImportError, OSError, MemoryError):
        raise
    except Exception as error:
        cause = " ".join(str(error).split())[:300]
        raise ValueError(
            f"`model` must be one that format={runtime.name!r} can hold. Received: {classifier.model.name!r}: {cause}"
        ) from error


def _verified(runtime, classifier, folder, precision, images, tolerance):
    """Return the difference from the model; a `ValueError` when it is too large, or no number."""
    measure, default = TOLERANCES[precision]
    tolerance = default if tolerance is None else tolerance
    if runtime.verify:
        difference = runtime.verify(classifier, folder)
    else:
        # The first image is by itself, so that the batch changes.
        run, expected = runtime.load(folder, "float32", None), classifier.predict(images)[0]
        rest = (run(images[i : i + BATCH]) for i in range(1, len(images), BATCH))
        difference = measure(expected, np.concatenate([run(images[:1]), *rest]))
    if not difference <= tolerance:
        raise ValueError(
            f"`model` must compute the same with format={runtime.name!r}, up to tolerance={tolerance:g}. Received: "
            f"{classifier.model.name!r}, whose outputs differ by {difference:.3g}; nothing was written"
        )
    return difference
