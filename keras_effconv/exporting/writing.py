"""One entry for every format: check, write, read back, compare, and only then show."""

import dataclasses

import numpy as np

from keras_effconv.exporting import litert, onnx, openvino, saved_model
from keras_effconv.exporting.classifier import BATCH, program
from keras_effconv.exporting.format import LABELS, MAX_PIXELS, METADATA, Settings
from keras_effconv.utils.arguments import one_of, positive
from keras_effconv.utils.extras import require
from keras_effconv.utils.files import write_json, write_lines

FORMATS = {module.FORMAT.name: module.FORMAT for module in (saved_model, onnx, openvino, litert)}


def largest(found, expected):
    """The largest difference of two arrays."""
    return float(np.abs(found - expected).max())


def shifted(found, expected):
    """The probability that moves from a class to another, as an average over the images."""
    return float(np.abs(found - expected).sum(-1).mean() / 2)


# How the outputs of a precision are compared with the model's, and what is allowed unless the user says so.
TOLERANCES = {"float32": (largest, 1e-4), "float16": (largest, 1e-2), "int8": (shifted, 0.1)}


def export(
    model,
    path,
    format="saved_model",
    labels=None,
    precision="float32",
    calibration=None,
    preprocessing=None,
    version=None,
    top=5,
    max_pixels=MAX_PIXELS,
    tolerance=None,
):
    """Write a classifier for another runtime, with its preprocessing inside, and check that it computes the same.

    Every format takes float32 images (n, size, size, 3), RGB, 0..255, of any batch size, and gives probabilities
    (n, classes); a SavedModel takes the bytes of image files as well. `keras_effconv.exporting.load(path)` runs any of
    them. The files are read back and compared with the model before they appear at the path, whole.

    Args:
        model: `keras.Model`, square RGB images -> (n, classes), of this package or any other.
        path: folder to write. An earlier export there is replaced; below it, a SavedModel has a folder a version.
        format: `"saved_model"`, `"onnx"`, `"openvino"` or `"litert"`. Default `"saved_model"`.
        labels: sequence of str, the names of the classes. Default `"class 0"`, `"class 1"`, ...
        precision: of the weights. `"float32"`; also `"float16"` in OpenVINO and LiteRT, `"int8"` in LiteRT, where the
            activations are int8 as well. Default `"float32"`.
        calibration: for `"int8"`: array (n, size, size, 3) of typical images, RGB, 0..255; a hundred are enough.
        preprocessing: `Preprocessing`. Default: what the model says that it wants.
        version: int, of a SavedModel; one that exists is replaced. Default: the next free one.
        top: int, labels and scores in the answer of a SavedModel. Default 5.
        max_pixels: int; a SavedModel refuses files that declare more before it decodes them. Default 64,000,000.

        tolerance: float, the difference from the model that is allowed. Default: 1e-4 for `"float32"` and 1e-2 for
            `"float16"`, the largest of any probability; 0.1 for `"int8"`, the probability that moves to other classes,
            averaged over the calibration images.

    Returns:
        `pathlib.Path` of the folder that was written; `export.json` in it tells the difference.

    Raises:
        ValueError: for an argument that is not as above, a model that the format cannot hold, or one that computes
            something else in it; nothing is written then.
        ImportError: when what the format needs is not installed.

    Example:

    >>> list(FORMATS)
    ['saved_model', 'onnx', 'openvino', 'litert']
    >>> import keras_effconv
    >>> model = keras_effconv.ResNet20(weights=None)
    >>> export(model, "outputs/resnet20", format="onnx").name  # doctest: +SKIP
    'resnet20'
    """
    chosen = FORMATS[one_of("format", format, tuple(FORMATS))]
    settings = Settings(calibration, version, top, max_pixels)
    _check(chosen, precision, settings)
    for module in chosen.modules:
        require(module, "export")
    made = program(model, labels, preprocessing)
    images = made.images()
    if precision == "int8":
        images = _calibration(calibration, made.preprocessing.size)
        settings = dataclasses.replace(settings, calibration=images)
    with chosen.place(path, settings) as (folder, written):
        folder.mkdir()
        _convert(chosen, made, folder, precision, settings)
        difference = _verified(chosen, made, folder, precision, images, tolerance)
        told = {"format": chosen.name, "precision": precision, "difference": difference, **made.metadata()}
        write_json(folder / METADATA, told)
        write_lines(folder / LABELS, made.labels)
    return written()


def _check(chosen, precision, settings):
    one_of("precision", precision, chosen.precisions)
    for name in settings.given():
        if name not in chosen.settings:
            raise ValueError(f"`{name}` means nothing to format={chosen.name!r}. Received: {name}=...")
    if (settings.calibration is None) == (precision == "int8"):
        raise ValueError(
            "`calibration` must be images with precision='int8', and only with it. "
            f"Received: precision={precision!r}, calibration={'None' if settings.calibration is None else '...'}"
        )
    for name in ("version", "top", "max_pixels"):
        if getattr(settings, name) is not None:
            positive(name, getattr(settings, name))


def _calibration(images, size):
    images = np.asarray(images, "float32")
    if images.ndim != 4 or images.shape[1:] != (size, size, 3) or not len(images):
        raise ValueError(f"`calibration` must be (n, {size}, {size}, 3). Received: an array of shape {images.shape}")
    return images


def _convert(chosen, made, folder, precision, settings):
    """Write; what a converter says of a model that it does not take becomes one line."""
    try:
        chosen.write(made, folder, precision, settings)
    except (ImportError, OSError, MemoryError):
        raise
    except Exception as error:
        cause = " ".join(str(error).split())[:300]
        raise ValueError(f"format={chosen.name!r} cannot hold model={made.model.name!r}: {cause}") from error


def _verified(chosen, made, folder, precision, images, tolerance):
    """The difference from the model; a `ValueError` when it is too large, or no number."""
    measure, allowed = TOLERANCES[precision]
    if chosen.verify:
        difference = chosen.verify(made, folder)
    else:
        # The first image is by itself, so that the batch changes.
        run, expected = chosen.load(folder, "float32", None), made.predict(images)[0]
        found = np.concatenate([run(images[:1]), *(run(images[i : i + BATCH]) for i in range(1, len(images), BATCH))])
        difference = measure(found, expected)
    allowed = allowed if tolerance is None else tolerance
    if not difference <= allowed:
        raise ValueError(
            f"expected format={chosen.name!r} to differ from the Keras model by at most {allowed:g}, "
            f"received {difference:.3g}: nothing was written"
        )
    return difference
