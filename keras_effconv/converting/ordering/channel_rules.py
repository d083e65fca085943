"""What each class of layer does with channels: one rule a class, (channels, step) -> None.

A rule gives every output of a step its channels (`Channels.new`, `keep`), ties those that move together, and marks or
freezes those that may not. What has no rule freezes all that it reads and writes.
"""

import math

import keras
import numpy as np
from keras import layers

from keras_effconv.inference.affine import is_last_axis
from keras_effconv.inference.rules import IDENTITIES
from keras_effconv.layers import GroupConv2D, PadChannels, SamePadding2D


def freeze(channels, step):
    """Let all channels that a step reads and writes stay where they are."""
    for value in step.inputs:
        channels.freeze(channels.of(value))
    for value in step.outputs:
        channels.freeze(channels.new(value))


def write(channels, step):
    """Write new channels, whatever it reads."""
    for value in step.outputs:
        channels.new(value)


def _unless(condition):
    """Return a decorator of a rule: a step that fulfils the condition is frozen."""

    def decorate(rule):
        def guarded(channels, step):
            (freeze if condition(step) else rule)(channels, step)

        return guarded

    return decorate


def _is_unusual(step):
    """Return whether a layer computes otherwise than channel after channel along the last axis."""
    config = step.config
    return config.get("data_format", "channels_last") not in ("channels_last", None) or _mixes(step.operation)


def _mixes(layer):
    """Return whether the activation of a layer is a function of a user's, which may tell channels apart."""
    activation = getattr(layer, "activation", None)
    if activation is None or isinstance(activation, keras.layers.Layer):
        return type(activation) not in (type(None), *PER_CHANNEL)
    return not getattr(activation, "__module__", "").startswith("keras.")


@_unless(_is_unusual)
def _keep(channels, step):
    """Write the channels that it reads, in order."""
    value, output = step.inputs[0], step.outputs[0]
    if len(step.inputs) > 1 or value.shape[-1] != output.shape[-1]:
        return freeze(channels, step)
    return channels.keep(output, channels.of(value))


@_unless(lambda step: _is_unusual(step) or not _holds_one_kernel(step.operation))
def _write(channels, step):
    """Read all channels and write others."""
    groups = step.config.get("groups", 1)
    output = channels.new(step.outputs[0])
    if groups > 1:  # a filter reads the channels of its group
        for ids in (channels.of(step.inputs[0]), output):
            channels.mark(ids, np.repeat(np.arange(groups), len(ids) // groups).tolist())


def _holds_one_kernel(layer):
    """Return whether a layer's kernel is neither quantised nor adapted."""
    return getattr(layer, "quantization_mode", None) is None and not getattr(layer, "lora_enabled", False)


def _along_last_axis(step):
    return is_last_axis(step.config["axis"], len(step.inputs[0].shape))


@_unless(_is_unusual)
def _depthwise(channels, step):
    ids = channels.of(step.inputs[0])
    return channels.keep(step.outputs[0], np.repeat(ids, step.outputs[0].shape[-1] // len(ids)))


def _elementwise(channels, step):
    """Tie the channels of all that it reads; a map of one channel, and a number, are for all channels."""
    count = step.outputs[0].shape[-1]
    others = [x for x in keras.tree.flatten((step.args, step.kwargs)) if not isinstance(x, keras.KerasTensor)]
    arrays = [channels.of(x) for x in step.inputs if x.shape[-1] == count]
    scalars = all(math.prod(x.shape) == 1 for x in others if hasattr(x, "shape"))
    if not arrays or not scalars or any(x.shape[-1] not in (1, count) for x in step.inputs):
        return freeze(channels, step)
    for ids in arrays[1:]:
        channels.tie(arrays[0], ids)
    return channels.keep(step.outputs[0], arrays[0])


@_unless(lambda step: not _along_last_axis(step))
def _concatenate(channels, step):
    channels.keep(step.outputs[0], np.concatenate([channels.of(value) for value in step.inputs]))


def _reshape(channels, step):
    """Keep the channels if they stay along the last axis, or if all is flattened: then each lies at every position."""
    (value,), (output,) = step.inputs, step.outputs
    ids = channels.of(value)
    if _is_unusual(step) or output.shape[-1] % len(ids):
        return freeze(channels, step)
    flat = len(output.shape) == 2
    if output.shape[-1] != len(ids) and not flat:
        return freeze(channels, step)
    return channels.keep(output, np.tile(ids, output.shape[-1] // len(ids)))


def _pad_channels(channels, step):
    """Put the channels between new ones, and let neither kind take a place of the other."""
    (value,), (output,) = step.inputs, step.outputs
    ids, zeros = channels.of(value), channels.new(output)
    first = (len(zeros) - len(ids)) // 2
    carried = np.arange(len(zeros)) - first
    inside = (carried >= 0) & (carried < len(ids))
    channels.tie(zeros[inside], ids)
    channels.mark(zeros, inside.tolist())


@_unless(lambda step: not _along_last_axis(step))
def _normalize(channels, step):
    _keep(channels, step)


@_unless(lambda step: np.size(step.config["scale"]) > 1 or np.size(step.config["offset"]) > 1)
def _rescale(channels, step):
    _keep(channels, step)


PER_CHANNEL = (layers.ReLU, layers.LeakyReLU, layers.ELU, layers.Activation)
RULES = {
    **dict.fromkeys(IDENTITIES, _keep),
    **dict.fromkeys(PER_CHANNEL, _keep),
    **dict.fromkeys((layers.ZeroPadding2D, layers.Cropping2D, layers.UpSampling2D, SamePadding2D), _keep),
    **dict.fromkeys((layers.MaxPooling2D, layers.AveragePooling2D), _keep),
    **dict.fromkeys((layers.GlobalMaxPooling2D, layers.GlobalAveragePooling2D), _keep),
    layers.PReLU: _keep,
    layers.Rescaling: _rescale,
    layers.BatchNormalization: _normalize,
    layers.LayerNormalization: _normalize,
    layers.Normalization: _normalize,
    layers.Softmax: _normalize,
    **dict.fromkeys((layers.Add, layers.Subtract, layers.Multiply), _elementwise),
    **dict.fromkeys((layers.Maximum, layers.Minimum, layers.Average), _elementwise),
    layers.Concatenate: _concatenate,
    **dict.fromkeys((layers.Reshape, layers.Flatten), _reshape),
    **dict.fromkeys((layers.Dense, layers.Conv2D, GroupConv2D, layers.Conv2DTranspose), _write),
    layers.SeparableConv2D: _write,
    layers.DepthwiseConv2D: _depthwise,
    PadChannels: _pad_channels,
}


# Operations of `keras.ops` and Python's operators, by the name of their class, which Keras does not publish.
_ARITHMETIC = ("Add", "Subtract", "Multiply", "Divide", "TrueDivide", "Maximum", "Minimum", "Negative", "Square")
_ACTIVATIONS = ("Relu", "Relu6", "Sigmoid", "Silu", "HardSigmoid", "HardSilu", "Tanh", "Gelu")
OPERATIONS = dict.fromkeys((*_ARITHMETIC, *_ACTIVATIONS), _elementwise)


def rule_of(step):
    """Return the rule of a step; `freeze` if there is none."""
    known = all(value.shape and value.shape[-1] for value in (*step.inputs, *step.outputs))
    if isinstance(step.operation, layers.Layer):
        return RULES.get(step.kind, freeze) if known else freeze
    return OPERATIONS.get(step.kind.__name__, freeze) if known else freeze
