"""One entry for every format: check, write, read back, compare, and only then move to the path."""

import dataclasses
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from keras_effconv.exporting import accuracy, litert, onnx, openvino, saved_model
from keras_effconv.exporting.classifier import BATCH, classifier_of
from keras_effconv.exporting.format import LABELS, MAX_PIXELS, METADATA, Settings
from keras_effconv.exporting.half_precision import policy_record
from keras_effconv.exporting.rounding import kernels_of, rounded_kernels
from keras_effconv.graph import check_functional
from keras_effconv.inference.compare import largest_of_logits, moved_probability, moved_sigmoid
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
    thresholds: Sequence[float] | None = None,
    calibration_labels: np.ndarray | None = None,
    keep_float: Sequence[str] = (),
    max_loss: float = 0.005,
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
        precision: str, of the weights: `"float32"`; also, in ONNX, OpenVINO and LiteRT, `"float16"` and `"int8"`, the
            latter with int8 activations. Default `"float32"`.
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
        thresholds: sequence of floats, of a model that may say several classes of an image: from which probability on
            each is said. They are written into `export.json`. Default: 0.5 each if its last layer has a sigmoid; of any
            other model, whose images have one class, none.
        calibration_labels: array (n,) of ints, the classes of the calibration images. With them, the layers that lose
            most are computed in float32, until no more than `max_loss` is lost. Default `None`: all are int8.
        keep_float: sequence of str, the names of layers that stay float32 in `"int8"`. Default: none.
        max_loss: float, the accuracy on the calibration images that `"int8"` may lose, if they have labels. Default
            0.005, half a point.

    Returns:
        `pathlib.Path` of the folder that was written. Its `export.json` holds the difference, and for a model of half
        precision its `policy` and how far that is from float32 (`policy_difference`). For `"int8"`, its `float_layers`
        are those that are computed in float32.

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
    int8 = (calibration, calibration_labels, tuple(keep_float), max_loss)
    settings = Settings(*int8, version, top, max_pixels, io, layout, opset)
    _check(runtime, precision, settings)
    for module in runtime.modules:
        require(module, "export")
    check_functional(model)
    with default_policy("float32"):  # of the layers around the model, whatever this process computes in
        classifier = classifier_of(in_float32(model), labels, preprocessing, thresholds)
        return _exported(model, classifier, path, runtime, precision, settings, tolerance)


def _exported(model, classifier, path, runtime, precision, settings, tolerance):
    images = classifier.images()
    policy = policy_record(model, classifier, images, tolerance)
    if precision == "int8":
        settings = accuracy.checked(settings, classifier)
        images = settings.calibration
    with runtime.destination(os.path.expanduser(path), settings) as destination:
        folder = destination.folder
        facts = _written(runtime, classifier, folder, precision, settings, images, tolerance)
        record = {"format": runtime.name, "precision": precision, **facts, **policy, **classifier.metadata()}
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
    for name in ("calibration_labels", "keep_float", "max_loss"):
        if name in settings.changed() and precision != "int8":
            raise ValueError(f"`{name}` must be left out unless precision='int8'. Received: {name}=..., {precision=}")
    for name in ("version", "top", "max_pixels", "opset"):
        if getattr(settings, name) is not None:
            positive(name, getattr(settings, name))
    one_of("layout", settings.layout, tuple(onnx.LAYOUTS))
    if one_of("io", settings.io, IO) != "float32" and precision != "int8":
        raise ValueError(f"`io` must be 'float32' unless precision='int8'. Received: io={settings.io!r}, {precision=}")
    if settings.keep_float and settings.io != "float32":
        raise ValueError(f"`keep_float` must be left out with integers as input. Received: io={settings.io!r}")
    if settings.opset is not None and not OPSETS[precision] <= settings.opset <= MAX_OPSET:
        raise ValueError(
            f"`opset` must be {OPSETS[precision]} to {MAX_OPSET} with {precision=}. Received: opset={settings.opset}"
        )


def _convert(runtime, classifier, folder, precision, settings, kernels):
    """Write, and return what `write` returns. If a converter does not take the model, its message becomes one line."""
    try:
        with rounded_kernels(kernels, runtime.levels, settings.keep_float):
            return runtime.write(classifier, folder, precision, settings)
    except (ImportError, OSError, MemoryError):
        raise
    except Exception as error:
        cause = " ".join(str(error).split())[:300]
        raise ValueError(
            f"`model` must be one that format={runtime.name!r} can hold. Received: {classifier.model.name!r}: {cause}"
        ) from error


def _written(runtime, classifier, folder, precision, settings, images, tolerance):
    """Write, and return what `export.json` says of it; a `ValueError` if it computes something else than the model.

    Of int8 with labels, more and more layers are computed in float32 before that is said.
    """
    tolerance = TOLERANCES[precision][1] if tolerance is None else tolerance
    kernels = kernels_of(classifier.model, images) if precision == "int8" and runtime.levels else []
    for kept in accuracy.kept_in_turn(classifier, settings):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        now = dataclasses.replace(settings, keep_float=kept)
        extra = _convert(runtime, classifier, folder, precision, now, kernels) or {}
        difference, lost = _compared(runtime, classifier, folder, precision, settings, images)
        if difference <= tolerance and lost <= settings.max_loss + 1e-9:
            return {
                "difference": difference,
                **({} if settings.calibration_labels is None else {"lost": lost}),
                **extra,
            }
    limits = f"`model` must compute the same with format={runtime.name!r}, up to tolerance={tolerance:g}"
    received = f"{classifier.model.name!r}, whose outputs differ by {difference:.3g}"
    if settings.calibration_labels is not None:
        limits += f", and lose no more accuracy than max_loss={settings.max_loss:g}"
        received += f", and which loses {max(lost, 0):.3g}"
    if precision == "int8":
        received += f"; {accuracy.advice(classifier, images)}"
    raise ValueError(f"{limits}. Received: {received}; nothing was written")


def _compared(runtime, classifier, folder, precision, settings, images):
    """Return the difference from the model, and how much accuracy is lost."""
    if runtime.verify:
        return runtime.verify(classifier, folder), 0.0
    # The first image is by itself, so that the batch changes.
    run, expected = runtime.load(folder, "float32", None, 1), classifier.predict(images)[0]
    rest = (run(images[i : i + BATCH]) for i in range(1, len(images), BATCH))
    received = np.concatenate([run(images[:1]), *rest])
    measure, _ = TOLERANCES[precision]
    if classifier.thresholds is not None and measure is moved_probability:
        measure = moved_sigmoid  # the probabilities of several labels do not add up to 1
    return measure(expected, received), accuracy.lost_accuracy(settings, expected, received)
