"""Put the channels that lose least at half the resolution last, where the low band of an octave convolution lies."""

import keras
import numpy as np
from keras import layers

from keras_effconv.converting.ordering.channels import Channels
from keras_effconv.converting.ordering.observing import LostDetail, observe
from keras_effconv.inference.affine import affine_of
from keras_effconv.inference.kernels import array
from keras_effconv.inference.rewriting import Graph
from keras_effconv.layers import GroupConv2D

READERS = (layers.Conv2D, GroupConv2D, layers.DepthwiseConv2D, layers.SeparableConv2D)


def octave_order(model: keras.Model, images: np.ndarray) -> dict[int, np.ndarray]:
    """Return the order of channels in which those that lose least at half the resolution are last.

    The score of a channel is what 2 x 2 averaging and nearest up-sampling lose of it on the images (mean square), times
    the squared weights of what reads it, summed over all convolutions that read it. A depthwise convolution counts with
    the gain of the normalisation behind it.

    Args:
        model: `keras.Model`, functional or sequential, built.
        images: array, or a structure of arrays, as the model reads them: preprocessed. A hundred will do.

    Returns:
        A dict from the index of a group of channels to its order, as `permuted` takes it.

    Example:

    >>> image = keras.Input((8, 8, 3))
    >>> model = keras.Model(image, keras.layers.Conv2D(2, 1)(keras.layers.Conv2D(4, 3, name="first")(image)))
    >>> orders = octave_order(model, np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype("float32"))
    >>> {group: sorted(order.tolist()) for group, order in orders.items()}
    {0: [0, 1, 2, 3]}
    """
    graph = Graph(model)
    channels, scores = Channels(graph), channel_scores(graph, images, model)
    return {
        index: np.argsort([-scores.get(i, 0.0) for i in channels.groups[index].members.tolist()], kind="stable")
        for index in range(len(channels.groups))
    }


def channel_scores(graph, images, model):
    """Return what the convolutions of a network lose by each channel at half the resolution, by the channel's id."""
    channels, scores = Channels(graph), {}
    read = [i for i, step in enumerate(graph.steps) if step.kind in READERS and _is_map(step.inputs[0])]
    for i, lost in zip(read, observe(model, [(i, 0) for i in read], lambda step: LostDetail(), images)):
        step = graph.steps[i]
        for channel, score in zip(channels.of(step.inputs[0]).tolist(), lost * _weight(graph, step)):
            scores[channel] = scores.get(channel, 0.0) + score
    return scores


def _is_map(value):
    """Return whether a value has pixels that can be averaged."""
    return len(value.shape) == 4 and value.shape[1:3] != (1, 1)


def _weight(graph, step):
    """Return the squared weights by which a convolution reads each channel."""
    layer, count = step.operation, step.inputs[0].shape[-1]
    if step.kind in (layers.Conv2D, GroupConv2D):
        groups = np.split(np.square(array(layer.kernel)).sum((0, 1)), step.config["groups"], axis=1)
        return np.concatenate([group.sum(1) for group in groups])
    if step.kind is layers.DepthwiseConv2D:
        kernel, gains = array(layer.kernel), _gain(graph, step)
    else:
        kernel, gains = array(layer.depthwise_kernel), np.square(array(layer.pointwise_kernel)[0, 0]).sum(1)
    return (np.square(kernel).sum((0, 1)).ravel() * gains).reshape(count, -1).sum(1)


def _gain(graph, step):
    """Return the squared gain of the normalisation that alone reads a step; 1 if there is none."""
    reader = graph.only_reader(step.outputs[0])
    affine = affine_of(reader) if reader is not None and graph.is_plain(reader) else None
    return 1.0 if affine is None else np.square(affine[0])
