"""The rules of what works band by band, a row for each class of layers.

A rule (state, step) returns the `Map` that a step writes; or `None` if the step must be copied, with merged maps.
"""

import random
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
from keras import layers

from keras_effconv.converting.rewriting.conv_rules import (
    can_read_bands,
    convolve,
    is_elementwise,
    is_kept_back,
    with_rows,
)
from keras_effconv.converting.rewriting.geometry import keeps_bands, low_config
from keras_effconv.converting.rewriting.joining import concatenate, concatenates, join
from keras_effconv.converting.rewriting.kernels import write_channels
from keras_effconv.converting.rewriting.maps import Map, ordered
from keras_effconv.feature_maps import bands
from keras_effconv.inference.affine import is_last_axis
from keras_effconv.inference.kernels import array
from keras_effconv.layers import GroupConv2D, OctMaxPooling2D, SamePadding2D
from keras_effconv.policies import assign


class Rule(NamedTuple):
    """What becomes of a layer.

    Attributes:
        apply: callable (state, step) -> `Map`, or `None` if there is no way but to copy the layer.
        uses: callable (survey, step, wanted) -> bool, whether the layer can use bands, if its own output is wanted in
            bands or not.
    """

    apply: Callable
    uses: Callable


def passes(survey, step, wanted):
    """Use bands if a reader of the output does."""
    del survey, step
    return wanted


def keeps(survey, step, wanted):
    """Use bands if a reader of the output does and the sizes stay those of two bands."""
    return wanted and (is_kept_back(survey, step) or _halves(step) or keeps_bands(step))


def ends(survey, step, wanted):
    """Use bands in any case."""
    del survey, step, wanted
    return True


def elementwise(state, step):
    """Apply a layer without weights to each band."""
    x = state.map(step.inputs[0])
    return ordered(state.by_band(step, {id(step.inputs[0]): x}), x.order)


def activate(state, step):
    """Apply an activation, if it sees each number by itself."""
    return elementwise(state, step) if is_elementwise(step.config["activation"]) else None


def drop(state, step):
    """Apply dropout; layers that drop whole maps have one seed for all bands, as `applications.blocks.drop_path`."""
    x = state.map(step.inputs[0])
    if x.in_bands and step.config.get("noise_shape") is not None:
        if step.config["noise_shape"][-1] != 1:
            return None
        step.changes["seed"] = step.config["seed"] or random.randint(1, 10**9)
    return elementwise(state, step)


def per_channel(state, step):
    """Apply a layer that has a weight for each channel, each band with its own."""
    x = state.map(step.inputs[0])
    if not _is_per_channel(step):
        return None
    numbers, source = x.numbers_by_band(), step.operation

    def write(layer, band):
        write_channels(layer, source, numbers[band], len(x.numbers()))
        if id(step) in state.biases:
            assign(layer.moving_mean, (array(source.moving_mean) - state.biases[id(step)])[numbers[band]])

    return ordered(state.by_band(step, {id(step.inputs[0]): x}, write), x.order)


def _is_per_channel(step):
    rank = len(step.inputs[0].shape)
    if step.kind is layers.PReLU:
        return set(step.config["shared_axes"] or ()) == set(range(1, rank - 1))
    return is_last_axis(step.config["axis"], rank)


def rescale(state, step):
    """Apply a rescaling by one number, or by a number for each channel."""
    x, read = state.map(step.inputs[0]), keras.saving.deserialize_keras_object
    pair = {key: np.asarray(read(step.config[key])) for key in ("scale", "offset")}
    if all(value.ndim == 0 for value in pair.values()):
        return elementwise(state, step)
    numbers = x.numbers_by_band()
    if any(value.size not in (1, len(x.numbers())) for value in pair.values()) or (x.order is None and not x.in_bands):
        return None

    def config(band):
        of_band = {key: v.ravel()[numbers[band]].tolist() if v.size > 1 else v.item() for key, v in pair.items()}
        return {**step.config, **of_band}

    return ordered(state.by_band(step, {id(step.inputs[0]): x}, config=config), x.order)


def resize(state, step):
    """Apply a pooling, a border or an up-sampling to each band, if they stay two bands."""
    x = state.map(step.inputs[0])
    if not x.in_bands:
        return elementwise(state, step)
    if _halves(step):
        pool = OctMaxPooling2D(name=state.free(step.name, own=True), dtype=step.operation.dtype_policy)
        return Map(pool(x.value), x.order)
    if not keeps_bands(step):
        return None
    config = {"high": step.config, "low": low_config(step)}
    return ordered(state.by_band(step, {id(step.inputs[0]): x}, config=config.get), x.order)


def _halves(step):
    """Return whether a step is the pooling that `OctMaxPooling2D` is in bands."""
    expected = {"pool_size": (2, 2), "strides": (2, 2), "padding": "valid", "data_format": "channels_last"}
    return step.kind is layers.MaxPooling2D and all(
        (tuple(step.config[key]) if isinstance(value, tuple) else step.config[key]) == value
        for key, value in expected.items()
    )


def pool_all(state, step):
    """Pool each band to one position, and concatenate, high channels first."""
    x = state.map(step.inputs[0])
    if step.config["data_format"] != "channels_last":
        return None
    means = state.by_band(step, {id(step.inputs[0]): x})
    tensors = list(bands(means).values())
    if len(tensors) > 1:
        name = state.free(f"{step.name}_concat")
        means = layers.Concatenate(name=name, dtype=step.operation.dtype_policy)(tensors)
    return ordered(means if len(tensors) > 1 else tensors[0], x.order)


def reshape(state, step):
    """Reshape, keeping the order of the channels if the last axis stays."""
    x = state.merged(step.inputs[0])
    if step.inputs[0].shape[-1] != step.outputs[0].shape[-1] or len(step.inputs[0].shape) < 2:
        return None
    return ordered(state.by_band(step, {id(step.inputs[0]): x}), x.order)


def _rows(classes, apply, uses):
    return dict.fromkeys(classes, Rule(apply, uses))


def never(survey, step, wanted):
    """Use no bands."""
    del survey, step, wanted
    return False


RULES = {
    **_rows((layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D, GroupConv2D), convolve, can_read_bands),
    **_rows(
        (
            layers.ActivityRegularization,
            layers.AlphaDropout,
            layers.ELU,
            layers.GaussianDropout,
            layers.GaussianNoise,
            layers.Identity,
            layers.LeakyReLU,
            layers.ReLU,
            layers.SpatialDropout2D,
        ),
        elementwise,
        passes,
    ),
    layers.Activation: Rule(
        activate, lambda survey, step, wanted: wanted and is_elementwise(step.config["activation"])
    ),
    layers.Dropout: Rule(drop, passes),
    **_rows(
        (layers.BatchNormalization, layers.PReLU),
        per_channel,
        lambda survey, step, wanted: wanted and _is_per_channel(step),
    ),
    layers.Rescaling: Rule(rescale, passes),
    **_rows(
        (
            layers.AveragePooling2D,
            layers.Cropping2D,
            layers.MaxPooling2D,
            layers.UpSampling2D,
            layers.ZeroPadding2D,
            SamePadding2D,
        ),
        resize,
        keeps,
    ),
    **_rows((layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D), pool_all, ends),
    **_rows((layers.Reshape,), reshape, never),
    **_rows((layers.Dense,), with_rows, never),
    **_rows(
        (layers.Add, layers.Average, layers.Maximum, layers.Minimum, layers.Multiply, layers.Subtract),
        join,
        passes,
    ),
    layers.Concatenate: Rule(concatenate, lambda survey, step, wanted: wanted and concatenates(step)),
}

# Operations of `keras.ops`, by the names of their classes.
OPERATIONS = {
    **dict.fromkeys(
        """Abs Absolute Celu Clip Elu Exp Gelu HardSigmoid HardSilu HardTanh LeakyRelu Mish Negative Relu Relu6 Selu
        Sigmoid Silu Softplus Softsign Sqrt Square Tanh""".split(),  # noqa: SIM905, one word each
        Rule(elementwise, passes),
    ),
    **dict.fromkeys(("Add", "Divide", "Maximum", "Minimum", "Multiply", "Subtract", "TrueDivide"), Rule(join, passes)),
}


def rule_of(graph, step):
    """Return the `Rule` of a step; `None` if it has none, or is called in a way that rules know nothing of."""
    operation = step.operation
    if isinstance(operation, keras.layers.Layer):
        is_convolution = RULES.get(type(operation)) is RULES[layers.Conv2D]
        return RULES.get(type(operation)) if is_convolution or graph.is_plain(step) else None
    ours = type(operation).__module__.startswith("keras.") and len(step.outputs) == 1
    return OPERATIONS.get(type(operation).__name__) if ours else None
