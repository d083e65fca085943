"""From a trained network to a cheaper one that stays right."""

import contextlib
import os
import time
import warnings

import keras

from keras_effconv import kinds
from keras_effconv.converting.images import FITTED, gather
from keras_effconv.converting.learning import learn
from keras_effconv.converting.ordering.order import order as in_order
from keras_effconv.converting.reporting import reported
from keras_effconv.converting.selecting.select import select
from keras_effconv.converting.selecting.timing import Timer
from keras_effconv.converting.transferring import build, transfer
from keras_effconv.graph import check_functional
from keras_effconv.kinds import OctConv
from keras_effconv.network_info import info_of
from keras_effconv.utils.arguments import positive


def convert(
    model: keras.Model,
    conv=None,
    images=None,
    *,
    order: bool = True,
    fit: bool = True,
    mimic: int = 0,
    budget: float | None = None,
    runtime: str | None = None,
    precision: str = "float32",
    batch: int = 4,
    measure: bool = True,
    most: int = FITTED,
    seed: int = 0,
    folder: str | os.PathLike | None = None,
    verbose: bool = True,
) -> keras.Model:
    """Convert a trained network to another kind of convolution, so that it stays right. No labels are needed.

    Channels that belong together are put together (`order`), which changes nothing. The convolutions are replaced, and
    one after the other, from the image on, the new ones are fitted by least squares to what the dense network computes
    (`fit`): each makes up for what those before it have lost. Then the whole network may learn from the dense one by
    gradient steps (`mimic`).

    A network of this package becomes what its constructor gives with `conv=`. Of any other functional Keras model, each
    convolution becomes one of the kind by itself; feature maps stay in bands as far as what reads them works band by
    band. What cannot be converted stays dense, and the report says why. The model itself does not change.

    Args:
        model: `keras.Model`, functional or sequential, built and trained, with plain convolutions.
        conv: kind of convolution, or its repr. May be left out with a `budget`.
        images: array (n, h, w, c) as the model reads it, unlabelled; a list of arrays for a model of several inputs; a
            `keras_effconv.data.Dataset`; a sequence of batches, such as a `keras.utils.PyDataset`; or the path of a
            folder of images. A hundred suffice. A part, a fifth of a few, is held back to compare the networks on.
        order: bool. Default `True`.
        fit: bool. Default `True`.
        mimic: int, gradient steps; 0 for none. Default 0.
        budget: float, instead of `conv`: the share of the dense network's measured time that the new one may take.
            Each layer becomes the kind that loses least for its time. Default `None`.
        runtime: str, in which times are measured: `"tensorflow"`, `"jax"`, `"onnx"` or `"openvino"`. Default: the
            backend of this process.
        precision: str, of the runtime: `"float32"`, or `"int8"` in ONNX Runtime, or in OpenVINO with
            the extra `int8`. Default `"float32"`.
        batch: int, images at a time when times are measured. Default 4.
        measure: bool, whether the report has times. Default `True`.
        most: int, images that kernels are fitted to. Default 512.
        seed: int, of all that is drawn. Default 0.
        folder: path for the state of `mimic`: an interrupted conversion resumes there. Default `None`: none is written.
        verbose: bool, whether to show progress. Default `True`.

    Returns:
        A `keras.Model`. Its `convert_report` (a `ConvertReport`) says what became of each layer; it is not saved with
        the model.

    Raises:
        ValueError: an argument is not as above, or no choice is as fast as the budget wants.

    Example:

    >>> import numpy as np
    >>> import keras_effconv as ke
    >>> model = ke.ResNet20(weights=None, width=0.25, depth=0.3)
    >>> photos = np.random.default_rng(0).normal(size=(10, 32, 32, 3)).astype("float32")
    >>> cheaper = convert(model, ke.OctConv(alpha=0.5), photos, measure=False, verbose=False)
    >>> cheaper.convert_report.macs < cheaper.convert_report.macs_before
    True
    """
    check_functional(model)
    _check_plain(model)
    kind = _kind(conv, budget)
    if mimic:
        positive("mimic", mimic)
    if images is None:
        raise ValueError("`images` must be an array, a data set, batches or a folder of images. Received: images=None")
    timer = Timer(runtime or keras.backend.backend(), batch, precision) if measure or budget else None
    seen, seconds = gather(images, model, most, seed), {}
    if mimic and seen.every is None:
        raise ValueError(f"`mimic` must be 0 for several inputs, and for so few images. Received: mimic={mimic}")
    if kind is None:
        with _timed(seconds, "select"):
            low_last = in_order(model, OctConv(), seen.fitted[0])  # no alpha matters for the order of channels
            chosen = select(low_last, seen.fitted[0], budget, timer, lambda kind: build(model, kind)[0], seed=seed)
            kind = chosen.kind
    with _timed(seconds, "order and fit" if fit else "order"):
        converted = transfer(model, kind, seen.fitted, order, fit, seed, verbose)
    learned = None
    if mimic:
        with _timed(seconds, "mimic"):
            options = {"steps": mimic, "seed": seed, "folder": folder, "verbose": verbose, "moved": converted.moved}
            learned = _learn(converted, seen, options)
    report = reported(model, converted, kind, seen, timer if measure else None, seconds, learned)
    converted.model.convert_report = report
    if budget and report.ms is not None:
        _warn_of_time(report, budget)
    return converted.model


def _warn_of_time(report, budget):
    """Say so if the sum of the layers' times promised what the whole network does not keep."""
    share = report.ms / report.ms_before
    if share > 1.05 * budget:
        warnings.warn(
            f"`budget` is not kept by the whole network, whose time is more than that of its convolutions: a lower "
            f"budget may come to what you want. Received: budget={budget}, and {share:.2f} measured",
            stacklevel=3,
        )


def _check_plain(model):
    info = info_of(model, required=False)
    if info is not None and info.conv != "Conv()":
        raise ValueError(f"`model` must be a network with plain convolutions. Received: one of conv={info.conv!r}")


def _learn(converted, seen, options):
    """Take gradient steps, unless they lead away from the dense network on images that take no part in them.

    Returns:
        The `MimicReport`; `None` if they led away.
    """
    learned = learn(converted.model, converted.teacher, seen.every, seen.judging, **options)
    if learned is None:
        warnings.warn(
            f"`mimic` led away from the dense network on {len(seen.judging[0])} images that took no part in it, so the "
            f"kernels stay as fitted: take more images. Received: mimic={options['steps']}",
            stacklevel=3,
        )
    return learned


def _kind(conv, budget):
    """Return the kind; `None` if a budget chooses it."""
    if (conv is None) == (budget is None):
        raise ValueError(f"`conv` or `budget` must be given, one of them. Received: conv={conv!r}, budget={budget!r}")
    return None if conv is None else kinds.get(conv)


@contextlib.contextmanager
def _timed(seconds, name):
    begun = time.perf_counter()
    yield
    seconds[name] = round(time.perf_counter() - begun, 1)
