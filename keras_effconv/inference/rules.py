"""The rewrites of a graph, each exact in real numbers. A rule changes a `Graph` and lists the layers it has changed."""

import numpy as np
from keras import layers

from keras_effconv.inference.affine import affine_of, as_rescaling, as_shift
from keras_effconv.inference.kernels import FORMS, scale_channels, scale_filters
from keras_effconv.layers import GroupConv2D, HetConv2D, SamePadding2D
from keras_effconv.layers.padding import same_padding
from keras_effconv.preprocessing import ImagePreprocessing

IDENTITIES = (
    layers.ActivityRegularization,
    layers.AlphaDropout,
    layers.Dropout,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.Identity,
    layers.SpatialDropout1D,
    layers.SpatialDropout2D,
    layers.SpatialDropout3D,
)
PADDED = (layers.Conv2D, layers.DepthwiseConv2D, GroupConv2D, HetConv2D)


def reads_pixels(graph):
    """Return whether a model begins by scaling, so that its inputs are pixels."""
    scales = (ImagePreprocessing, layers.Rescaling, layers.Normalization)
    return any(step.kind in scales for value in graph.inputs for step in graph.readers(value))


def drop_identities(graph):
    """Remove what does nothing at inference: dropout, stochastic depth, linear activations."""
    dropped = []
    for step in list(graph.steps):
        idle = step.kind in IDENTITIES or (step.kind is layers.Activation and step.config["activation"] == "linear")
        if idle and graph.is_plain(step) and step.inputs[0].dtype == step.outputs[0].dtype:
            graph.bypass(step)
            dropped.append(step.name)
    return dropped


def split_preprocessing(graph):
    """Move the arithmetic of `ImagePreprocessing` into a `Rescaling` for the other rules, for images of its size."""
    split = []
    for step in list(graph.steps):
        if step.kind is not ImagePreprocessing or not graph.is_plain(step):
            continue
        how = step.operation.preprocessing
        if how.inside or step.inputs[0].shape[1:] != (how.size, how.size, 3):
            continue
        mean, std = (np.array(x)[:: -1 if how.bgr else 1] for x in (how.mean, how.std))
        step.changes.update({"mean": (0.0,) * 3, "std": (1.0,) * 3, "inside": not how.bgr})
        operation = layers.Rescaling(1.0, name=f"{step.name}_rescaling", dtype=step.operation.dtype_policy)
        new = graph.insert_after(step, operation)
        as_rescaling(new, 1 / std, -mean / std)
        split.append(f"{step.name} -> {new.name}")
    return split


def merge_padding(graph):
    """Merge a padding layer and a "valid" convolution that together are a "same" one at a known size."""
    merged = []
    for step in list(graph.steps):
        if step.kind not in PADDED or not graph.is_plain(step) or step.config["padding"] != "valid":
            continue
        pad = graph.only_writer(step)
        if pad is not None and graph.is_plain(pad) and _pads_as_same(pad, step.config):
            step.changes["padding"] = "same"
            graph.bypass(pad)
            merged.append(f"{pad.name} -> {step.name}")
    return merged


def _pads_as_same(pad, config):
    window = [tuple(config[key]) for key in ("kernel_size", "strides", "dilation_rate")]
    if pad.kind is SamePadding2D:
        return [pad.operation.kernel_size, pad.operation.strides, (1, 1)] == window
    if pad.kind is not layers.ZeroPadding2D or pad.config["data_format"] != "channels_last":
        return False
    sizes = pad.inputs[0].shape[1:3]
    same = None not in sizes and tuple(map(same_padding, sizes, *window))
    return same == tuple(map(tuple, pad.config["padding"]))


def fold_backward(graph):
    """Fold a scale and shift into the kernel and bias of the convolution that it alone reads."""
    folded = []
    for step in list(graph.steps):
        affine = affine_of(step) if graph.is_plain(step) else None
        writer = affine and graph.only_writer(step)
        if not writer or not is_linear(graph, writer) or not is_of_one_type(step, writer):
            continue
        index = [id(value) for value in writer.outputs].index(id(step.inputs[0]))
        first = sum(value.shape[-1] for value in writer.outputs[:index])
        writer.changes["use_bias"] = True
        writer.edits.append(scale_filters(*affine, first))
        graph.absorb(step, writer)
        folded.append(f"{step.name} -> {writer.name}")
    return folded


def _is_convolution(graph, step):
    """Return whether a step is an unshared convolution or dense layer, and its kernel neither quantised nor adapted."""
    if step.kind not in FORMS or not graph.is_plain(step):
        return False
    layer = step.operation
    adapted = getattr(layer, "quantization_mode", None) is not None or getattr(layer, "lora_enabled", False)
    return step.config.get("data_format", "channels_last") == "channels_last" and not adapted


def is_linear(graph, step):
    """Return whether a step is a convolution without an activation."""
    return _is_convolution(graph, step) and step.config["activation"] == "linear"


def is_of_one_type(step, other):
    """Return whether two layers compute in one type."""
    return step.config["dtype"] == other.config["dtype"]


def convolution_before(graph, step):
    """Return the step of the convolution that a normalization can be folded into; `None` without one.

    Args:
        graph: `Graph`.
        step: any step of it.
    """
    if step.kind is not layers.BatchNormalization or not graph.is_plain(step):
        return None
    writer = graph.only_writer(step)
    if writer is None or not is_linear(graph, writer) or not is_of_one_type(step, writer):
        return None
    return writer


def merge_affines(graph):
    """Merge scales and shifts in a row into one."""
    merged = []
    for step in list(graph.steps):
        second = affine_of(step) if graph.is_plain(step) else None
        writer = second and graph.only_writer(step)
        first = affine_of(writer) if writer and graph.is_plain(writer) else None
        if first and is_of_one_type(step, writer):
            as_rescaling(writer, first[0] * second[0], first[1] * second[0] + second[1])
            graph.absorb(step, writer)
            merged.append(f"{step.name} -> {writer.name}")
    return merged


def fold_forward(graph):
    """Fold a scale into the kernel of the convolution that alone reads it; the shift too, if no zeros are padded."""
    folded = []
    for step in list(graph.steps):
        affine = affine_of(step) if graph.is_plain(step) else None
        reader = affine and graph.only_reader(step.outputs[0])
        padded = reader and reader.kind in (layers.ZeroPadding2D, SamePadding2D) and graph.is_plain(reader)
        reader = graph.only_reader(reader.outputs[0]) if padded else reader
        if not reader or not _reads_all_channels(graph, reader) or not is_of_one_type(step, reader):
            continue
        scale, offset = affine
        if not padded and _reads_no_border(reader.config):
            reader.edits.append(scale_channels(scale, offset, FORMS[reader.kind].along_rows))
            reader.changes["use_bias"] = True
            offset = np.zeros_like(offset)
        elif np.all(scale):
            reader.edits.append(scale_channels(scale, np.zeros_like(offset), FORMS[reader.kind].along_rows))
            offset = offset / scale
        else:
            continue
        as_shift(step, offset)
        if not np.any(offset) and step.inputs[0].dtype == step.outputs[0].dtype:
            graph.bypass(step)
        folded.append(f"{step.name} -> {reader.name}")
    return folded


def _reads_all_channels(graph, step):
    """Return whether a step is a convolution over all channels, so that its input channels can be scaled."""
    whole = _is_convolution(graph, step) and FORMS[step.kind].along_rows is not None
    return whole and step.config.get("groups", 1) == 1


def _reads_no_border(config):
    """Return whether a layer never reads zeros of its own padding."""
    return config.get("padding", "valid") == "valid" or max(config["kernel_size"]) == 1


def fuse_activations(graph):
    """Fuse an activation into the convolution that it alone reads."""
    fused = []
    for step in list(graph.steps):
        activation = _activation_of(step) if graph.is_plain(step) else None
        writer = activation and graph.only_writer(step)
        if not writer or len(writer.outputs) > 1:
            continue
        if is_linear(graph, writer) and is_of_one_type(step, writer):
            writer.changes["activation"] = activation
            graph.absorb(step, writer)
            fused.append(f"{step.name} -> {writer.name}")
    return fused


def _activation_of(step):
    """Return the activation that a layer is, as in a convolution's configuration; `None` for another layer."""
    if step.kind is layers.Activation:
        return step.config["activation"]
    if step.kind is layers.ReLU:
        values = tuple(step.config[key] for key in ("max_value", "negative_slope", "threshold"))
        return {(None, 0, 0): "relu", (6, 0, 0): "relu6"}.get(values)
    return None


RULES = {
    "removed": (drop_identities,),
    "padding": (merge_padding,),
    "folded": (fold_backward,),
    "merged": (split_preprocessing, merge_affines, fold_forward),
    "fused": (fuse_activations,),
}
